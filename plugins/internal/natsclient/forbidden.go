package natsclient

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

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

// telling is how long the client may take to tell what it knows.
const telling = 5 * time.Second

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

// after returns what was told up to err, which may be nil, once that is. It returns an error, and what there is, when
// ctx ends before.
func (r *refusals) after(ctx context.Context, err error) (map[string]error, error) {
	for {
		r.mu.Lock()
		all := err == nil || err == r.last //nolint:errorlint // that very one
		if all || ctx.Err() != nil {
			why := r.why
			r.why = nil
			r.mu.Unlock()
			if all {
				return why, nil
			}
			return why, fmt.Errorf("wait for the client to tell what the server forbids: %w", ctx.Err())
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
// words. Who has flushed the connection knows all of them, unless there is an error.
func (k *Conn) Forbidden(ctx context.Context, nc *nats.Conn) (map[string]error, error) {
	err := nc.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) {
		err = nil
	}
	ctx, cancel := context.WithTimeout(ctx, telling) // others may use the connection, too, and err not be the last
	defer cancel()
	return k.refusals.after(ctx, err)
}
