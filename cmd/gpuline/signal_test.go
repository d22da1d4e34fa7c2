package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals holds that an interrupt and a termination flush the open windows, deliver them, and end
// with status 0 and the ledger as the last line.
func TestSignals(t *testing.T) {
	config := filepath.Join(t.TempDir(), "agent.toml")
	text := `
[agent]
http = ""
interval = "20ms"

[[inputs.simulate]]
gpus = 1

[[processors.average]]
period = "1h"

[[outputs.stdout]]
samples = true
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := subprocess(t, "run", "-c", config)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(stdout)
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatalf("no first metric: %v\n%s", err, &stderr)
		}
		began := time.Now()
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", signal, err, &stderr)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%v: took %v", signal, took)
		}
		if !strings.Contains(string(rest), "part=both") {
			t.Errorf("%v: the open window was not delivered:\n%s", signal, rest)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "ledger read=") || !strings.HasSuffix(last, "balance=ok") {
			t.Errorf("%v: the last line is %q", signal, last)
		}
	}
}

// subprocess returns a command that runs this test binary as gpuline.
func subprocess(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}
