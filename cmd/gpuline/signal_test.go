package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
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

// TestBrokenPipe holds that an agent whose output nobody reads any more ends as one that is told to, and
// that an agent with another output goes on.
func TestBrokenPipe(t *testing.T) {
	config := filepath.Join(t.TempDir(), "agent.toml")
	text := `
[agent]
interval = "10ms"
http = "127.0.0.1:0"

[[inputs.simulate]]
gpus = 1

[[outputs.stdout]]
`
	const said = "nobody reads standard output any more"
	run := func(text string) (cmd *exec.Cmd, stderr *lockedBuffer) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd, stderr = subprocess(t, "run", "-c", config), new(lockedBuffer)
		cmd.Stderr = stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Fatalf("no first metric: %v\n%s", err, stderr)
		}
		if err := stdout.Close(); err != nil {
			t.Fatal(err)
		}
		return cmd, stderr
	}
	wantEnd := func(cmd *exec.Cmd, stderr *lockedBuffer) {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, stderr)
		}
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "ledger read=") || !strings.HasSuffix(last, "balance=ok") {
			t.Errorf("the last line is %q", last)
		}
		if n := strings.Count(stderr.String(), said); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, stderr)
		}
	}
	wantEnd(run(text))

	cmd, stderr := run(text + "[[outputs.prometheus]]\n")
	told := make(chan struct{})
	go func() {
		defer close(told)
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(stderr.String(), said) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond) // for it to end, if it wants to
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("it ended though there is another output: %v\n%s", err, stderr)
		}
	}()
	wantEnd(cmd, stderr)
	<-told
}

// TestSecondSignal holds that a signal that comes twice at once is one, and that a later one ends an agent
// that is still busy.
func TestSecondSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, end := make(chan os.Signal), make(chan struct{})
		first, again := 0, 0
		go watch(signals, end, func() { first++ }, func() { again++ })
		f := func(after time.Duration, wantAgain int) {
			t.Helper()
			time.Sleep(after)
			signals <- syscall.SIGTERM
			synctest.Wait()
			if first != 1 || again != wantAgain {
				t.Errorf("told %d times to end, %d times to end at once; want 1, %d", first, again, wantAgain)
			}
		}
		f(time.Minute, 0)
		f(0, 0)
		f(echo-1, 0)
		f(1, 1)
		close(end)
	})
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

// TestEndThatWaits holds that an agent that a signal ends says what it still waits for.
func TestEndThatWaits(t *testing.T) {
	config := filepath.Join(t.TempDir(), "agent.toml")
	text := `
[agent]
http = ""
shutdown_grace = "6s"
[[inputs.simulate]]
gpus = 1
[[outputs.influxdb]]
url = "http://127.0.0.1:1"
database = "d"
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, stderr := subprocess(t, "run", "-c", config), new(lockedBuffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(stderr.String(), "write failed") && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr)
	}
	want := regexp.MustCompile(`level=INFO msg="at the end, .* another signal ends the agent at once" plugin=outputs.influxdb metrics=\d+\n`)
	if n := len(want.FindAllString(stderr.String(), -1)); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, stderr)
	}
}
