package faults

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// echo is a server that answers with what it gets, and knows how many bytes that were.
type echo struct {
	net.Listener
	done sync.WaitGroup
	mu   sync.Mutex
	got  int
	ends int // of connections
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: l}
	e.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.done.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close() }) // the proxy's end is that of the connections
	return e
}

func (e *echo) serve(c net.Conn) {
	defer c.Close()
	piece := make([]byte, 1<<10)
	for {
		n, err := c.Read(piece)
		e.mu.Lock()
		e.got += n
		if err != nil {
			e.ends++
		}
		e.mu.Unlock()
		if err != nil {
			return
		}
		_, _ = c.Write(piece[:n])
	}
}

func (e *echo) seen() (got, ends int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got, e.ends
}

// The proxy does what its faults are called.
func TestProxy(t *testing.T) {
	text := strings.Repeat("0123456789", 50)
	f := func(f fault, want error, arrives, heals bool) {
		t.Run(f.String(), func(t *testing.T) {
			e := newEcho(t)
			p := newProxy(t, e.Addr().String())
			say := func(c net.Conn, within time.Duration) (int, error) {
				t.Helper()
				if _, err := io.WriteString(c, text); err != nil {
					return 0, err
				}
				if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
					t.Fatal(err)
				}
				return io.ReadFull(c, make([]byte, len(text)))
			}
			dial := func() net.Conn {
				t.Helper()
				c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.addr())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			c := dial()
			if _, err := say(c, patience); err != nil {
				t.Fatal(err)
			}
			p.set(f)
			within := patience
			if errors.Is(want, os.ErrDeadlineExceeded) {
				within = 300 * time.Millisecond
			}
			n, err := say(c, within)
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			if !errors.Is(err, want) || p.met() == (f == none) {
				t.Errorf("%d bytes, %v; want %v", n, err, want)
			}
			all := func() bool {
				got, _ := e.seen()
				return got == 2*len(text)
			}
			if arrives {
				natstest.Eventually(t, patience, "arrival of all", all)
			} else if all() {
				t.Error("the server has all")
			}
			p.heal()
			if want != nil {
				_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
				if heals {
					_ = c.SetReadDeadline(time.Now().Add(patience))
				}
				if n, err := io.ReadFull(c, make([]byte, len(text))); heals != (err == nil) {
					t.Errorf("once it is healed: %d bytes, %v", n, err)
				}
			}
			if _, err := say(dial(), patience); err != nil {
				t.Errorf("a new connection: %v", err)
			}
			_ = c.Close()
			time.Sleep(100 * time.Millisecond)
			if _, ends := e.seen(); f == dead && ends > 0 {
				t.Error("the server learns that the client has gone")
			}
		})
	}
	f(none, nil, true, true)
	f(hang, os.ErrDeadlineExceeded, false, true)
	f(slow, nil, true, true)
	f(resetRequest, syscall.ECONNRESET, false, false)
	f(resetAnswer, syscall.ECONNRESET, true, false)
	f(cutAnswer, io.ErrUnexpectedEOF, true, false)
	f(halfOpen, os.ErrDeadlineExceeded, true, false)
	f(dead, os.ErrDeadlineExceeded, false, false)
}
