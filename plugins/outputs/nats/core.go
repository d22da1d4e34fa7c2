package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// flushTimeout bounds what the output's timeout bounds anyway.
const flushTimeout = time.Minute

var errLost = errors.New("the connection was lost before the server had all")

// tell publishes the messages to whoever listens, and waits until the server has them.
func (o *NATS) tell(ctx context.Context, nc *nats.Conn, j *job) error {
	connects := nc.Stats().Reconnects
	for i := range j.messages {
		m := &j.messages[i]
		if m.state != waiting {
			continue
		}
		switch err := nc.PublishMsg(j.message(i, o.encoder)); {
		case errors.Is(err, nats.ErrMaxPayload):
			m.state = tooLarge // the server that it is connected to now takes less
		case err != nil:
			return retry(again, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout) // the client asks for a deadline
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			o.conn.Doubt()
		}
		return retry(again, fmt.Errorf("wait for the server to have it: %w", err))
	}
	if nc.Stats().Reconnects != connects {
		return retry(again, errLost)
	}
	// A server that forbids subjects says so before it answers the flush. The others it has taken.
	forbidden, err := o.conn.Forbidden(ctx, nc)
	if err != nil {
		return retry(again, err)
	}
	var held error
	for i := range j.messages {
		m := &j.messages[i]
		if m.state != waiting {
			continue
		}
		if why := forbidden[m.subject]; why != nil {
			held = o.forbidden(m.subject, why)
			continue
		}
		o.delivered(m)
	}
	return held
}

// forbidden is the error that has Write called again once an operator may have seen to a right that is missing.
func (o *NATS) forbidden(subject string, why error) error {
	if !strings.HasPrefix(subject, "$") { // which is JetStream's own
		subject = o.pattern
	}
	return retry(refused, fmt.Errorf("%w: let the agent publish to %s", why, subject))
}
