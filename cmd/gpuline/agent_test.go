package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// configFile writes a configuration, and returns its path.
func configFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.toml")
	writeFile(t, path, text)
	return path
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
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

// agent is `gpuline run` as a process of its own.
type agent struct {
	*exec.Cmd
	t      *testing.T
	out    *bufio.Reader // what it prints
	stdout io.Closer
	said   sdktest.Buffer // on standard error
}

func runAgent(t *testing.T, config string) *agent {
	t.Helper()
	a := &agent{Cmd: subprocess(t, "run", "-c", config), t: t}
	a.Stderr = &a.said
	stdout, err := a.StdoutPipe()
	if err == nil {
		err = a.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	a.out, a.stdout = bufio.NewReader(stdout), stdout
	return a
}

// prints waits for a line on standard output.
func (a *agent) prints() string {
	a.t.Helper()
	line, err := a.out.ReadString('\n')
	if err != nil {
		a.t.Fatalf("it prints nothing: %v\n%s", err, &a.said)
	}
	return line
}

func (a *agent) signal(s os.Signal) {
	a.t.Helper()
	if err := a.Process.Signal(s); err != nil {
		a.t.Fatal(err)
	}
}

// wantEnd waits until the agent has ended as it should: with status 0, and a ledger that balances as its last line. It
// returns what was left on standard output.
func (a *agent) wantEnd() string {
	a.t.Helper()
	late := time.AfterFunc(30*time.Second, func() { _ = a.Process.Signal(syscall.SIGQUIT) }) // it shows where it is stuck, and ends
	defer late.Stop()
	rest, err := io.ReadAll(a.out)
	if err != nil && !errors.Is(err, os.ErrClosed) {
		a.t.Error(err)
	}
	if err := a.Wait(); err != nil {
		a.t.Errorf("%v\n%s", err, &a.said)
	}
	lines := strings.Split(strings.TrimSpace(a.said.String()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "ledger read=") || !strings.HasSuffix(last, "balance=ok") {
		a.t.Errorf("the last line is %q", last)
	}
	return string(rest)
}
