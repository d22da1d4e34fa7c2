package faults

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a client and a server, and does to what passes what the fault of the moment says.
type proxy struct {
	to       string
	listener net.Listener
	done     sync.WaitGroup

	mu      sync.Mutex
	fault   fault
	struck  int           // pieces that met the fault since it began
	changed chan struct{} // closed when the fault changes, or the proxy ends
	links   map[*link]struct{}
	closed  bool
}

// link is a connection of a client, and the one to the server that belongs to it.
type link struct {
	client, server *net.TCPConn
	mute, dead     bool // whatever is healed; the proxy's lock guards them
}

// newProxy returns a proxy to an address, without a fault, which ends with the test.
func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to, listener: l, changed: make(chan struct{}), links: make(map[*link]struct{})}
	p.done.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// set begins a fault, for the connections that there are and for new ones.
func (p *proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.struck = f, 0
	p.change()
}

// heal ends the fault. What hangs goes on; what is mute or dead stays so, and new connections work.
func (p *proxy) heal() { p.set(none) }

// change wakes whoever waits for it. The lock is held.
func (p *proxy) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// met reports whether anything has met the fault since it began.
func (p *proxy) met() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck > 0
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for k := range p.links {
		k.close()
	}
	p.change()
	p.mu.Unlock()
	p.done.Wait()
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		client := c.(*net.TCPConn)
		s, err := net.DialTimeout("tcp", p.to, 5*time.Second)
		if err != nil {
			reset(client) // nobody is there, as the client would see it
			continue
		}
		p.join(&link{client: client, server: s.(*net.TCPConn)})
	}
}

const pieceSize = 16 << 10

// join carries what both sides say, until both have ended.
func (p *proxy) join(k *link) {
	_ = k.client.SetReadBuffer(pieceSize) // so that who writes feels a hang soon
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		k.close()
		return
	}
	p.links[k] = struct{}{}
	var both sync.WaitGroup
	both.Go(func() { p.pump(k, k.server, k.client, true) })
	both.Go(func() { p.pump(k, k.client, k.server, false) })
	p.done.Go(func() {
		both.Wait()
		k.close()
		p.mu.Lock()
		delete(p.links, k)
		p.mu.Unlock()
	})
}

// pump carries what from says to to, up to its end.
func (p *proxy) pump(k *link, to, from *net.TCPConn, asks bool) {
	piece := make([]byte, pieceSize)
	for p.alive(k) {
		n, err := from.Read(piece)
		rest, ok := piece[:n], true
		for ok && len(rest) > 0 {
			rest, ok = p.pass(k, to, rest, asks)
		}
		switch {
		case !ok:
			return
		case err != nil:
			if p.alive(k) {
				_ = to.CloseWrite() // it may have ended, too
			}
			return
		}
	}
}

// alive reports whether anything passes on k. Where nothing does, it returns when the proxy ends: neither side
// learns that the other has gone.
func (p *proxy) alive(k *link) bool {
	for {
		p.mu.Lock()
		isDead, closed, changed := k.dead, p.closed, p.changed
		p.mu.Unlock()
		if closed || !isDead {
			return !closed
		}
		<-changed
	}
}

// pass does to some bytes what the fault says, and returns what is left of them. It reports false when nothing
// passes any more.
func (p *proxy) pass(k *link, to *net.TCPConn, data []byte, asks bool) (rest []byte, ok bool) {
	p.mu.Lock()
	f, changed, closed := p.fault, p.changed, p.closed
	if f.strikes(asks) {
		p.struck++
	}
	k.mute = k.mute || f == halfOpen && !asks
	k.dead = k.dead || f == dead
	isMute, isDead := k.mute && !asks, k.dead
	p.mu.Unlock()
	n := len(data)
	switch {
	case closed:
		return nil, false
	case isDead:
		return nil, p.alive(k)
	case isMute:
		return nil, true
	case f == hang:
		<-changed
		return data, true
	case f == slow:
		n = min(n, 1+rand.IntN(1000))
		select {
		case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
		case <-changed:
		}
	case f == none, !f.strikes(asks):
	default:
		_, _ = to.Write(data[:rand.IntN(n)]) // the end that follows says what can be said
		if f != cutAnswer {
			k.reset()
		}
		k.close()
		return nil, false
	}
	_, err := to.Write(data[:n])
	return data[n:], err == nil
}

func (k *link) close() {
	_ = k.client.Close() // each side may have ended before
	_ = k.server.Close()
}

func (k *link) reset() {
	reset(k.client)
	reset(k.server)
}

// reset ends a connection with RST in place of FIN.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
