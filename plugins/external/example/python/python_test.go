// Package python_test runs the plugins in Python as an agent would.
package python_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/external/externaltest"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestPython runs plugins in another language.
func TestPython(t *testing.T) {
	if testing.Short() {
		t.Skip("is about a program in Python: make test has it")
	}
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
	t.Run("absorbed in part", func(t *testing.T) { testUnread(t, path) })
	t.Run("over mutual TLS", func(t *testing.T) {
		if _, err := exec.LookPath("openssl"); err != nil {
			t.Skipf("there is no openssl to make the plugin's certificate with: %v", err)
		}
		externaltest.Test(t, externaltest.Program{Path: path, Plugin: "loadavg", Keys: map[string]any{"mtls": true}})
	})
}

// testUnread passes a row through of which a window has read one field: the others stay unread, and what the program
// adds to it is.
func testUnread(t *testing.T, path string) {
	def := sdk.Registry(host.Definitions()).Find(sdk.RoleProcessor, host.Name)
	config := def.NewConfig()
	for _, fault := range sdk.Configure(config, map[string]any{"path": path, "plugin": "label", "deadline": "30s"}) {
		t.Fatal(fault)
	}
	i, err := def.New(config)
	if err != nil {
		t.Fatal(err)
	}
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	if err := i.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = i.(io.Closer).Close() }()
	b := sdktest.Batch(t, env.Catalog, "a x=1,y=2 1 absorbed=x\na x=1,y=2 2 absorbed\na x=1,y=2 3")
	if err := i.(sdk.Processor).Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want := []string{`a x=1,y=2,label="python" 1 absorbed=x`, `a x=1,y=2,label="python" 2 absorbed`, `a x=1,y=2,label="python" 3`}
	if diff := cmp.Diff(want, sdktest.Dump(b)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
