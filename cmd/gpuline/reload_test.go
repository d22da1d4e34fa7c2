package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestHangupReloads changes the file under a running agent, breaks it, and mends it: data goes on, an
// unchanged input keeps its state, and the ledger balances.
func TestHangupReloads(t *testing.T) {
	config := filepath.Join(t.TempDir(), "agent.toml")
	write := func(tail string) {
		t.Helper()
		text := "[agent]\nhttp = \"\"\n[[inputs.simulate]]\ngpus = 1\ninterval = \"10ms\"\n[[outputs.stdout]]\nsamples = true\n" + tail
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	cmd := subprocess(t, "run", "-c", config)
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	until := func(what string, is func(line string) bool) {
		t.Helper()
		// An agent that has not said it for so long is stuck: it shows where, and ends.
		late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
		defer late.Stop()
		for lines.Scan() {
			if is(lines.Text()) {
				return
			}
		}
		t.Fatalf("no line with %s; stderr:\n%s", what, &stderr)
	}
	// Whatever was read from now on has met the processors of now.
	untilNow := func() {
		t.Helper()
		now := time.Now().UnixNano()
		until("a sample of now", func(line string) bool {
			at, err := strconv.ParseInt(line[strings.LastIndexByte(line, ' ')+1:], 10, 64)
			return err == nil && at > now && !strings.Contains(line, ",window=") // whose time is that of its end
		})
	}
	hangup := func(said string) {
		t.Helper()
		before := strings.Count(stderr.String(), said)
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); strings.Count(stderr.String(), said) == before; {
			if time.Now().After(deadline) {
				t.Fatalf("%q was not said:\n%s", said, &stderr)
			}
			time.Sleep(time.Millisecond)
		}
	}
	untilNow()
	for round := range 5 {
		write(fmt.Sprintf("[[processors.average]]\nperiod = \"%ds\"\n", 3600+round))
		hangup("configuration reloaded")
		write("[[processors.average]]\nperiod = \"soon\"\n")
		hangup("agent.toml:9: `period` in [[processors.average]]")
		untilNow()
	}
	write("")
	hangup("configuration reloaded")
	until("what the last of the processors held", func(line string) bool { return strings.Contains(line, "window=3604s") })
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if !strings.HasSuffix(strings.TrimSpace(stderr.String()), "balance=ok") {
		t.Errorf("the last line:\n%s", &stderr)
	}
}

// TestEndDuringAReload: a configuration that cannot be read to its end holds nothing up, and the ledger is the
// last line.
func TestEndDuringAReload(t *testing.T) {
	config := filepath.Join(t.TempDir(), "agent.toml")
	text := "[agent]\nhttp = ''\n[[inputs.simulate]]\ninterval = '10ms'\n[[outputs.stdout]]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
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
	lines := bufio.NewReader(stdout)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(config, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(config, os.O_WRONLY, 0) // waits until the agent reads
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	if _, err := io.Copy(io.Discard, lines); err != nil { // until the agent has ended
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if !strings.HasSuffix(strings.TrimSpace(stderr.String()), "balance=ok") {
		t.Errorf("the last line:\n%s", &stderr)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
