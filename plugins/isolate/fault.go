package isolate

import (
	"errors"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// ErrFresh, wrapped in what a call of an isolated plugin returns, says that it can go on in a fresh process
// only: the driver was replaced under the running agent, say.
var ErrFresh = errors.New("a fresh process is needed")

// class says what an error of the child means to the agent: errors themselves do not travel.
type class uint8

const (
	classNone class = iota
	classOther
	classPermanent // wraps sdk.ErrPermanent
	classFresh     // wraps ErrFresh
	classEnd       // wraps sdk.ErrEnd
	classPanic     // the plugin panicked
	classes
)

var errPanic = errors.New("panic")

var sentinels = [classes]error{
	classPermanent: sdk.ErrPermanent, classFresh: ErrFresh, classEnd: sdk.ErrEnd, classPanic: errPanic,
}

// fault is an error on its way to the agent.
type fault struct {
	class class
	text  string
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return sentinels[f.class] }

// classify takes an error apart, nil included.
func classify(err error) fault {
	if err == nil {
		return fault{}
	}
	f := fault{classOther, clip(err.Error(), maxText)}
	for c, sentinel := range sentinels {
		if sentinel != nil && errors.Is(err, sentinel) {
			f.class = class(c)
		}
	}
	return f
}

// last reports whether the plugin is finished after the error.
func (f *fault) last() bool { return f.class > classOther }

// clip shortens text to at most n bytes of valid UTF-8.
func clip(text string, n int) string {
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}
