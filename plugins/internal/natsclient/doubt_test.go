package natsclient

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// mute is a server that answers so many pings of a connection, and then nothing any more. It closes nothing.
func mute(t *testing.T, pongs ...int) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, n := range pongs {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = fmt.Fprintf(c, "INFO {\"max_payload\":1048576,\"proto\":1}\r\n")
			for in := bufio.NewReader(c); n > 0; {
				line, err := in.ReadString('\n')
				if err != nil {
					break
				}
				if strings.HasPrefix(line, "PING") {
					n--
					_, _ = fmt.Fprint(c, "PONG\r\n")
				}
			}
		}
		_, _ = l.Accept() // until the test ends
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return "nats://" + l.Addr().String()
}

// A connection that is in doubt stays where the server answers, and is made anew where it does not.
func TestDoubt(t *testing.T) {
	// A client pings when it connects, and again when it has connected anew.
	k, err := dial(t, Config{URL: mute(t, 2, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	f := func(reconnects uint64) {
		t.Helper()
		k.Doubt()
		nc, err := ready(t, k, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if got := nc.Stats().Reconnects; got != reconnects {
			t.Errorf("%d reconnects, want %d", got, reconnects)
		}
	}
	if _, err := ready(t, k, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	f(0)
	f(1)
	f(1)
}

// Ready keeps to its context also while the client waits for a server that says nothing.
func TestReadyWhileTheClientConnects(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	k, err := dial(t, Config{URL: "nats://" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	const calls = 60
	began := time.Now()
	for range calls {
		if _, err := ready(t, k, 50*time.Millisecond); err == nil {
			t.Fatal("there is a connection")
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("%d times 50 ms took %v", calls, took)
	}
}
