//go:build integration

package promtest

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
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
	address := launch(t, agentListens, Binary(t), args...)
	awaitPage(t, "http://"+address+"/metrics")
	return address
}

// awaitPage waits until the page is there: the server listens a moment before the output is open.
func awaitPage(t testing.TB, url string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s", url, response.Status)
		}
	}
}
