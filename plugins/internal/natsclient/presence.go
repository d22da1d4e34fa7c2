package natsclient

import "sync"

// presence is what is known of a connection without asking the client, which answers nothing while it connects.
type presence struct {
	mu      sync.Mutex
	state   state
	changed chan struct{} // closed when state changes
}

type state uint8

const (
	away state = iota // it is being made
	here
	over // the client has given it up
)

func newPresence() *presence { return &presence{changed: make(chan struct{})} }

func (p *presence) set(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != s {
		p.state = s
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// get returns the state, and what is closed when it changes.
func (p *presence) get() (state, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.changed
}
