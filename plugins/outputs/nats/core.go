package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// flushTimeout bounds what the output's timeout bounds anyway.
const flushTimeout = time.Minute

var errLost = errors.New("the connection was lost before the server had all")

// tell publishes the messages to whoever listens, and waits until the server has them.
func (o *NATS) tell(ctx context.Context, nc *nats.Conn, j *job) error {
	connects, before := nc.Stats().Reconnects, nc.LastError()
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
	// A server that forbids a subject says so before it answers the flush; each time it is an error of its own.
	if err := nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) && !errors.Is(err, before) {
		return retry(refused, fmt.Errorf("%w: let the agent publish to %s", err, o.pattern))
	}
	if nc.Stats().Reconnects != connects {
		return retry(again, errLost)
	}
	for i := range j.messages {
		if m := &j.messages[i]; m.state == waiting {
			o.delivered(m)
		}
	}
	return nil
}
