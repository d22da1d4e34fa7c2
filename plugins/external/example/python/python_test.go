// Package python_test runs the plugins in Python as an agent would.
package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gpuline/gpuline/plugins/external/externaltest"
)

// TestPython runs plugins in another language.
func TestPython(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import grpc, google.protobuf").CombinedOutput(); err != nil {
		t.Skipf("%s has no grpcio or no protobuf (Debian: python3-grpcio, python3-protobuf): %v\n%s", python, err, out)
	}
	dir := t.TempDir()
	for _, name := range []string{"loadavg.py", "gpuline_plugin.py", "plugin_pb2.py"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "loadavg.py")
	externaltest.Test(t, externaltest.Program{Path: path})
	t.Run("over mutual TLS", func(t *testing.T) {
		if _, err := exec.LookPath("openssl"); err != nil {
			t.Skipf("there is no openssl to make the plugin's certificate with: %v", err)
		}
		externaltest.Test(t, externaltest.Program{Path: path, Plugin: "loadavg", Keys: map[string]any{"mtls": true}})
	})
}
