//go:build integration

package promtest

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/internal/servertest"
)

var agentListens = regexp.MustCompile(`msg=listening .*url=http://(\S+)`)

// Agent runs gpuline with a configuration, and with further files if any, and returns the address of its
// server, such as "127.0.0.1:40123", once its page of metrics is there. The configuration needs
// `http = "127.0.0.1:0"` in [agent], and an output prometheus at its usual path.
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
	address := servertest.Launch(t, agentListens, servertest.Binary(t), args...)
	s := &Server{t: t, URL: "http://" + address}
	servertest.Poll(t, 30*time.Second, "page of metrics", func() bool {
		r, err := s.ask("/metrics")
		return err == nil && r.Body.Close() == nil && r.StatusCode == http.StatusOK
	})
	return address
}
