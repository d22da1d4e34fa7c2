//go:build integration

package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unit returns a copy of the unit whose program exists on this host.
func unit(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed (apt-get install systemd)")
	}
	text := read(t, "gpuline.service")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gpuline.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "=/usr/bin/gpuline ", "="+self+" ")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdVerifiesTheUnit(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", unit(t)).CombinedOutput()
	if err != nil || len(out) > 0 { // a directive that it does not know is no error for it
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExposure holds the figure in docs/security.md, in tenths.
func TestExposure(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager",
		"--threshold=16", unit(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if len(out) > 0 {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
	}
}
