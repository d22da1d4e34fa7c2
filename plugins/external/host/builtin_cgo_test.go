//go:build cgo

package host_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestNVMLConforms holds what TestBuiltinsConform does of the one that calls a driver. A process of its own needs no
// child for that.
func TestNVMLConforms(t *testing.T) {
	lib, err := fakedriver.Build(t.TempDir())
	if errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip("there is no gcc: nothing is read through the fake driver")
	}
	if err != nil {
		t.Fatal(err)
	}
	scenario := filepath.Join(t.TempDir(), "scenario")
	if err := fakedriver.New(nil, 2).WriteFile(scenario); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, scenario)
	builtinReader(t, "nvml", table{"library": lib, "isolate": false}, table{"inherit_env": []any{fakedriver.Env}})
}
