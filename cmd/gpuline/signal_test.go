package main

import (
	"os"
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
	config := configFile(t, `
[agent]
http = ""
interval = "20ms"

[[inputs.simulate]]
gpus = 1

[[processors.average]]
period = "1h"

[[outputs.stdout]]
samples = true
`)
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		a := runAgent(t, config)
		a.prints()
		began := time.Now()
		a.signal(signal)
		rest := a.wantEnd()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%v: took %v", signal, took)
		}
		if !strings.Contains(rest, "part=both") {
			t.Errorf("%v: the open window was not delivered:\n%s", signal, rest)
		}
	}
}

// TestBrokenPipe holds that an agent whose output nobody reads any more ends as one that is told to, and
// that an agent with another output goes on.
func TestBrokenPipe(t *testing.T) {
	text := `
[agent]
interval = "10ms"
http = "127.0.0.1:0"

[[inputs.simulate]]
gpus = 1

[[outputs.stdout]]
`
	const said = "nobody reads standard output any more"
	run := func(text string) *agent {
		t.Helper()
		a := runAgent(t, configFile(t, text))
		a.prints()
		if err := a.stdout.Close(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	wantEnd := func(a *agent) {
		t.Helper()
		a.wantEnd()
		if n := strings.Count(a.said.String(), said); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, &a.said)
		}
	}
	wantEnd(run(text))

	a := run(text + "[[outputs.prometheus]]\n")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		wantEnd(a)
	}()
	a.said.Await(t, said)
	select {
	case <-ended:
		t.Fatal("it ended though there is another output")
	case <-time.After(200 * time.Millisecond):
	}
	a.signal(syscall.SIGTERM)
	<-ended
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

// TestEndThatWaits holds that an agent that a signal ends says what it still waits for.
func TestEndThatWaits(t *testing.T) {
	a := runAgent(t, configFile(t, `
[agent]
http = ""
shutdown_grace = "6s"
[[inputs.simulate]]
gpus = 1
[[outputs.influxdb]]
url = "http://127.0.0.1:1"
database = "d"
`))
	a.said.Await(t, "write failed")
	a.signal(syscall.SIGINT)
	a.wantEnd()
	want := regexp.MustCompile(`level=INFO msg="at the end, .* another signal ends the agent at once" plugin=outputs.influxdb metrics=\d+\n`)
	if n := len(want.FindAllString(a.said.String(), -1)); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, &a.said)
	}
}
