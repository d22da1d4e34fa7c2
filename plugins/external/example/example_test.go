// Package example_test builds the examples and runs them as an agent would.
package example_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gpuline/gpuline/plugins/external/externaltest"
)

// build builds a program of this folder.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "grpcnotrace", "-o", path, "./"+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func TestPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("works through programs of its own: make test has it")
	}
	f := func(name string, config map[string]any) {
		t.Run(name, func(t *testing.T) {
			externaltest.Test(t, externaltest.Program{Path: build(t, name), Config: config})
		})
	}
	f("pressure", map[string]any{"processes": []any{"*"}})
	f("energy", nil)
	f("webhook", map[string]any{"url": "http://127.0.0.1:9/", "severities": []any{"none"}})
}
