//go:build integration

// Package promtest runs a real Prometheus, and gpuline as it is built, on the loopback interface for the
// length of a test. The programs prometheus and promtool are looked for in bin/ of the repository, where
// `make integration` puts them, and then in PATH; a test fails where they are not there.
package promtest

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/outputs/internal/servertest"
)

// Promtool runs promtool with the input, and fails the test where it finds fault.
func Promtool(t testing.TB, input io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), servertest.Tool(t, "promtool"), args...)
	cmd.Stdin = input
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
