package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	until := func(part string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		t.Fatalf("no line with %q; stderr:\n%s", part, &stderr)
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
	until("gpu,")
	for round := range 5 {
		write(fmt.Sprintf("[[processors.average]]\nperiod = \"%ds\"\n", 3600+round))
		hangup("configuration reloaded")
		write("[[processors.average]]\nperiod = \"soon\"\n")
		hangup("agent.toml:9: `period` in [[processors.average]]")
		until("energy_joules=") // data goes on
	}
	write("")
	hangup("configuration reloaded")
	until("window=3604s") // what the last of the processors held
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
