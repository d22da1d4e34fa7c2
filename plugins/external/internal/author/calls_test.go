package author

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/proto"
)

// parent is a context that counts those that hang on it.
type parent struct {
	context.Context
	done     chan struct{}
	children int
}

func (p *parent) Done() <-chan struct{} { return p.done }

func (p *parent) AfterFunc(func()) (stop func() bool) {
	p.children++
	return func() bool {
		p.children--
		return true
	}
}

// TestCallLeavesNoContext holds that a call which is over takes no memory: a stream sees ten and more a second.
func TestCallLeavesNoContext(t *testing.T) {
	ctx := &parent{Context: t.Context(), done: make(chan struct{})}
	s := &Service{Log: func(slog.Level) *slog.Logger { return slog.New(slog.DiscardHandler) }}
	i := newInstance(&stream{ctx: t.Context()}, s, &proto.Open{})
	f := func(timeout time.Duration) {
		t.Helper()
		i.answer(ctx, call{number: 1, timeout: timeout, do: every{}.Gather, answers: true})
		if ctx.children > 0 {
			t.Errorf("after a call with the timeout %v there are %d contexts", timeout, ctx.children)
		}
	}
	f(0)
	f(time.Second)
}
