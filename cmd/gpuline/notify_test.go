package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// manager stands in for systemd: a socket that collects what the agent says.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, watchdog time.Duration) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // t.TempDir's names may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_PID", "")
	t.Setenv("WATCHDOG_USEC", "")
	if watchdog > 0 {
		t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	}
	return &manager{t, conn}
}

// hear returns the next message, or "" when there is none within the time.
func (m *manager) hear(within time.Duration) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	var message [256]byte
	n, err := m.conn.Read(message[:])
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		m.t.Fatal(err)
	}
	return string(message[:n])
}

func (m *manager) want(message string) {
	m.t.Helper()
	if got := m.hear(10 * time.Second); got != message {
		m.t.Fatalf("heard %q, want %q", got, message)
	}
}

func always() bool { return true }

func TestNotifyReadyAndStopping(t *testing.T) {
	defer goleak.VerifyNone(t)
	m := newManager(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	end := notify(ctx, slog.New(slog.DiscardHandler), always)
	m.want("READY=1")
	cancel()
	m.want("STOPPING=1")
	end()
	if more := m.hear(time.Millisecond); more != "" {
		t.Errorf("heard %q after the end", more)
	}
}

func TestNotifyWatchdog(t *testing.T) {
	defer goleak.VerifyNone(t)
	const limit = 40 * time.Millisecond
	m := newManager(t, limit)
	ctx, cancel := context.WithCancel(t.Context())
	var alive atomic.Bool
	alive.Store(true)
	began := time.Now()
	end := notify(ctx, slog.New(slog.DiscardHandler), alive.Load)
	m.want("READY=1")
	for range 3 {
		m.want("WATCHDOG=1")
	}
	if took := time.Since(began); took < 3*limit/2 {
		t.Errorf("three signs of life in %v, want one in each %v", took, limit/2)
	}

	alive.Store(false) // a sign may be on its way
	for m.hear(2*limit) != "" {
		if time.Since(began) > 10*time.Second {
			t.Fatal("signs of life of an agent that is stuck")
		}
	}
	alive.Store(true)
	m.want("WATCHDOG=1")

	cancel() // the agent drains: it is alive until it has ended
	for seen := ""; seen != "STOPPING=1"; {
		if seen = m.hear(10 * time.Second); seen == "" {
			t.Fatal("not told that the agent stops")
		}
	}
	m.want("WATCHDOG=1")
	end()
}

func TestNotifyLeavesOtherWatchdogsAlone(t *testing.T) {
	m := newManager(t, 2*time.Millisecond)
	t.Setenv("WATCHDOG_PID", "1") // whoever started the agent has one of its own
	end := notify(t.Context(), slog.New(slog.DiscardHandler), always)
	defer end()
	m.want("READY=1")
	if more := m.hear(20 * time.Millisecond); more != "" {
		t.Errorf("heard %q", more)
	}
}

func TestNotifyWithoutAManager(t *testing.T) {
	var log bytes.Buffer
	f := func(socket, usec, want string) {
		t.Helper()
		t.Setenv("NOTIFY_SOCKET", socket)
		t.Setenv("WATCHDOG_USEC", usec)
		t.Setenv("WATCHDOG_PID", "")
		log.Reset()
		notify(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), always)()
		if got := log.String(); (got != "") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("socket %q, watchdog %q: log %q, want %q", socket, usec, got, want)
		}
	}
	f("", "", "")
	f(filepath.Join(t.TempDir(), "gone"), "", "cannot reach the service manager")
	f("", "soon", "watchdog cannot be served")
}

// TestRunNotifies holds that the whole program tells a service manager when it is ready and when it stops.
func TestRunNotifies(t *testing.T) {
	m := newManager(t, 0)
	a := runAgent(t, configFile(t, "[agent]\nhttp = \"\"\n[[inputs.simulate]]\ngpus = 1\n[[outputs.stdout]]\n"))
	m.want("READY=1")
	a.signal(os.Interrupt)
	m.want("STOPPING=1")
	a.wantEnd()
}
