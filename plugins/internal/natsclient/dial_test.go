package natsclient

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// silent returns a server that accepts connections and says nothing.
func silent(t *testing.T) net.Listener {
	t.Helper()
	s, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Dial waits for no server once its context has ended, however many there are; the connection is made later.
func TestDialKeepsToItsContext(t *testing.T) {
	const servers = 10
	var c Config
	accepted := make(chan net.Conn, 10*servers)
	for range servers {
		s := silent(t)
		c.URLs = append(c.URLs, "nats://"+s.Addr().String())
		go func() {
			for {
				conn, err := s.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = (<-accepted).SetDeadline(time.Time{})
		cancel()
	}()
	began := time.Now()
	k, err := Dial(ctx, &c, sdktest.Env(t, sdk.NewCatalog(sdk.Limits{})), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if took := time.Since(began); took > servers*dialTimeout/2 {
		t.Errorf("took %v", took)
	}
	select {
	case <-accepted:
	case <-time.After(30 * time.Second):
		t.Error("no further try")
	}
}

// Settled, a dialer lasts as long as its life: the context of who has begun it is not heeded any more.
func TestHurried(t *testing.T) {
	s := silent(t)
	ctx, cancel := context.WithCancel(t.Context())
	life, end := context.WithCancel(t.Context())
	var settled atomic.Bool
	dial := hurried(ctx, life, &settled)
	_, port, _ := net.SplitHostPort(s.Addr().String())
	f := func(want bool) {
		t.Helper()
		c, err := dial.Dial("tcp", "localhost:"+port) // which may have an address that nobody listens on
		if (err == nil) != want {
			t.Errorf("err = %v", err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	f(true)
	cancel()
	f(false)
	settled.Store(true)
	f(true)
	end()
	f(false)
	if _, err := dial.Dial("tcp", "nowhere"); err == nil {
		t.Error("an address without a port")
	}
}
