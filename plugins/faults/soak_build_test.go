//go:build soak

package faults

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// idle is how long the catalogs of the programs built here keep what nobody uses, in place of an hour: so a soak of
// minutes sees series and schemas leave.
const idle = "2 * time.Minute"

// asDebug names the address at which the agent shows its goroutines and its heap.
const asDebug = "GPULINE_TEST_DEBUG"

const debugServer = `package main

import (
	"net/http"
	_ "net/http/pprof"
	"os"
)

func init() {
	if a := os.Getenv("` + asDebug + `"); a != "" && os.Args[1] == "run" {
		go http.ListenAndServe(a, nil)
	}
}
`

// programs are what a soak runs: the agent and its plugins, and the driver that it reads.
type programs struct{ agent, energy, webhook, pressure, driver string }

// build builds them as they are shipped, but for the two things above.
func build(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	catalog := filepath.Join(root, "plugins/sdk/catalog.go")
	source, err := os.ReadFile(catalog)
	if err != nil {
		t.Fatal(err)
	}
	const shipped = "limits.Idle = time.Hour"
	if strings.Count(string(source), shipped) != 1 {
		t.Fatalf("%s has no %q", catalog, shipped)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		catalog: file("catalog.go", strings.Replace(string(source), shipped, "limits.Idle = "+idle, 1)),
		filepath.Join(root, "cmd/gpuline/debug_soak.go"): file("debug.go", debugServer),
	}})
	if err != nil {
		t.Fatal(err)
	}
	over := file("overlay.json", string(overlay))
	program := func(pkg string) string {
		path := filepath.Join(dir, filepath.Base(pkg))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", over, "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", path, "./"+pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", pkg, err, out)
		}
		return path
	}
	driver, err := fakedriver.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	const example = "plugins/external/example/"
	return programs{program("cmd/gpuline"), program(example + "energy"), program(example + "webhook"), program(example + "pressure"), driver}
}
