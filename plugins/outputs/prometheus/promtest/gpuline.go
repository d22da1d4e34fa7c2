//go:build integration

package promtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// Binary builds gpuline for the test, and returns its path.
func Binary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gpuline")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "grpcnotrace", "-o", path, "./cmd/gpuline")
	build.Dir = Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build gpuline: %v\n%s", err, out)
	}
	return path
}

var agentListens = regexp.MustCompile(`msg=listening .*url=http://(\S+)`)

// Agent runs gpuline with a configuration, and with further files if any, and returns the address of its
// server, such as "127.0.0.1:40123". The configuration needs `http = "127.0.0.1:0"` in [agent].
func Agent(t testing.TB, config string, files ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gpuline.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "-c", path}
	for _, f := range files {
		args = append(args, "-c", f)
	}
	return launch(t, agentListens, Binary(t), args...)
}
