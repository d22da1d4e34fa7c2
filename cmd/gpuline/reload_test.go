package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHangupReloads changes the file under a running agent, breaks it, and mends it: data goes on, an
// unchanged input keeps its state, and the ledger balances.
func TestHangupReloads(t *testing.T) {
	config := configFile(t, "")
	write := func(tail string) {
		t.Helper()
		writeFile(t, config, "[agent]\nhttp = \"\"\n[[inputs.simulate]]\ngpus = 1\ninterval = \"10ms\"\n[[outputs.stdout]]\nsamples = true\n"+tail)
	}
	write("")
	a := runAgent(t, config)
	until := func(what string, is func(line string) bool) {
		t.Helper()
		// An agent that has not said it for so long is stuck: it shows where, and ends.
		late := time.AfterFunc(20*time.Second, func() { _ = a.Process.Signal(syscall.SIGQUIT) })
		defer late.Stop()
		for {
			line, err := a.out.ReadString('\n')
			if err != nil {
				t.Fatalf("no line with %s; stderr:\n%s", what, &a.said)
			}
			if is(strings.TrimSpace(line)) {
				return
			}
		}
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
		before := strings.Count(a.said.String(), said)
		a.signal(syscall.SIGHUP)
		for deadline := time.Now().Add(10 * time.Second); strings.Count(a.said.String(), said) == before; {
			if time.Now().After(deadline) {
				t.Fatalf("%q was not said:\n%s", said, &a.said)
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
	a.signal(os.Interrupt)
	a.wantEnd()
}

// TestEndDuringAReload: a configuration that cannot be read to its end holds nothing up, and the ledger is the
// last line.
func TestEndDuringAReload(t *testing.T) {
	config := configFile(t, "[agent]\nhttp = ''\n[[inputs.simulate]]\ninterval = '10ms'\n[[outputs.stdout]]\n")
	a := runAgent(t, config)
	a.prints()
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(config, 0o600); err != nil {
		t.Fatal(err)
	}
	a.signal(syscall.SIGHUP)
	file, err := os.OpenFile(config, os.O_WRONLY, 0) // waits until the agent reads
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	a.signal(os.Interrupt)
	a.wantEnd()
}
