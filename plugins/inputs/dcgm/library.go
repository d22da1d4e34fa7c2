//go:build cgo

package dcgm

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/NVIDIA/go-nvml/pkg/dl"

	"github.com/gpuline/gpuline/plugins/inputs/internal/sharedlib"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const withCgo = true

// client is DCGM's client library, loaded.
type client struct {
	has [calls]bool
}

// taken says that an input of this process talks to DCGM: go-dcgm keeps its one connection in variables of its
// package, and a second input would get the first one's without a word.
var taken atomic.Bool

var errTaken = errors.New("another input talks to a hostengine from within this process, which only one can: leave `isolate` on")

// openClient loads the library. Nothing may be called after an error.
func openClient(config string) (*client, error) {
	if !taken.CompareAndSwap(false, true) {
		return nil, sdk.Permanent(errTaken)
	}
	c, err := load(config)
	if err != nil {
		taken.Store(false)
	}
	return c, err
}

func load(config string) (*client, error) {
	path := sharedlib.ToLoad(libraryName, config)
	// The loader binds the library's functions for good at their first call, so it must stay where it is when
	// go-dcgm, which finds it under its own name from now on, closes it.
	lib := dl.New(path, dl.RTLD_LAZY|dl.RTLD_GLOBAL|dl.RTLD_NODELETE)
	if err := lib.Open(); err != nil {
		if missing := lookLibrary(config); missing != nil {
			return nil, missing
		}
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	c := new(client)
	for i, name := range callNames {
		c.has[i] = lib.Lookup(name) == nil
		if !c.has[i] && call(i) < firstOptional {
			return nil, fmt.Errorf("load %s: it has no function %s: install DCGM 4 (%s)", path, name, libraryName)
		}
	}
	return c, nil
}

func (c *client) close() { taken.Store(false) }

// can reports whether the library has all of these functions.
func (c *client) can(all ...call) bool {
	for _, one := range all {
		if !c.has[one] {
			return false
		}
	}
	return true
}
