package natsclient

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
)

// refusals are the subjects that the server does not let the agent publish to. The server says it of each message
// by itself, and the client tells when it comes to that.
type refusals struct {
	mu   sync.Mutex
	why  map[string]error // by subject, since they were asked for
	last error            // that was told, of this kind
	told chan struct{}    // closed when last changes
}

func newRefusals() *refusals { return &refusals{told: make(chan struct{})} }

// maxRefusals bounds what is kept where nobody asks.
const maxRefusals = 1 << 14

var forbidden = regexp.MustCompile(`Publish to ("(?:[^"\\]|\\.)*")`)

// note takes in what the client tells.
func (r *refusals) note(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = err
	close(r.told)
	r.told = make(chan struct{})
	quoted := forbidden.FindStringSubmatch(err.Error())
	if quoted == nil {
		return // it is about what the agent listens to
	}
	subject, bad := strconv.Unquote(quoted[1])
	if bad != nil {
		subject = quoted[1]
	}
	if r.why == nil || len(r.why) >= maxRefusals {
		r.why = make(map[string]error)
	}
	r.why[subject] = err
}

func (r *refusals) forget() {
	r.mu.Lock()
	r.why = nil
	r.mu.Unlock()
}

// after returns what was told up to err, which may be nil, once that is, or when ctx ends.
func (r *refusals) after(ctx context.Context, err error) map[string]error {
	for {
		r.mu.Lock()
		if err == nil || err == r.last || ctx.Err() != nil { //nolint:errorlint // that very one
			why := r.why
			r.why = nil
			r.mu.Unlock()
			return why
		}
		told := r.told
		r.mu.Unlock()
		select {
		case <-told:
		case <-ctx.Done():
		}
	}
}

// Forbidden returns the subjects that the agent was not let publish to since it was asked last, with the server's
// words. Who has flushed the connection knows all of them.
func (k *Conn) Forbidden(ctx context.Context, nc *nats.Conn) map[string]error {
	err := nc.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) {
		err = nil
	}
	return k.refusals.after(ctx, err)
}
