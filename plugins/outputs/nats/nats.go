// Package nats is the output that publishes to NATS: to whoever listens, or to a JetStream stream, which confirms
// each message.
//
// A batch becomes a [job]: messages by subject and by size. Through JetStream they are published at once and
// then waited for; a batch is delivered when each has its PubAck. What is not confirmed stays, and is sent
// again under the same id, so that the stream recognises what it had stored. The client's own buffer is off:
// what waits, waits in the agent's queue, where it is bounded and counted.
package nats

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// Definition describes the output to a registry.
func Definition() sdk.Definition {
	return sdk.DefineOutput("nats", "Publishes to NATS, to whoever listens or to a JetStream stream", sample,
		func(c *Config) (sdk.Output, error) { return New(c) })
}

// NATS is the output.
type NATS struct {
	config  Config
	router  *router
	encoder *encoder
	pattern string // of all subjects
	log     *slog.Logger

	conn    *natsclient.Conn
	nc      *nats.Conn // that stream belongs to
	stream  jetstream.JetStream
	settled bool      // the stream is there, or is not to be made
	closed  time.Time // since when the stream has taken nothing; zero while it does

	fresh  job  // what Write encodes into
	unsent *job // of the last Write, if it ended before all was delivered
	limit  int  // bytes of data that the stream may take, of several metrics; 0 where it has refused none

	messages, bytes, duplicates *sdk.Number
}

// New makes the output of a configuration.
func New(c *Config) (*NATS, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t, err := parseTemplate(c.Subject)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(c)
	if err != nil {
		return nil, err
	}
	return &NATS{config: *c, router: newRouter(t), encoder: e, pattern: t.pattern(), log: slog.New(slog.DiscardHandler)}, nil
}

// Open reads the files that the configuration names, and starts to connect.
func (o *NATS) Open(ctx context.Context, env *sdk.Env) error {
	o.log = env.Log
	o.messages = env.Meter.Counter("gpuline_nats_published_messages_total", "Messages that were delivered.")
	o.bytes = env.Meter.Counter("gpuline_nats_published_bytes_total", "Bytes of data in the messages that were delivered.")
	o.duplicates = env.Meter.Counter("gpuline_nats_published_duplicates_total", "Messages that the stream had stored when they were sent again.")
	conn, err := natsclient.Dial(ctx, &o.config.Config, env, "gpuline outputs.nats on "+env.Host)
	if err != nil {
		return err
	}
	o.conn, o.limit, o.closed = conn, 0, time.Time{}
	return nil
}

// Close ends the connection.
func (o *NATS) Close() error {
	o.unsent = nil
	o.forget()
	o.conn.Close()
	return nil
}

// forget lets go of the stream's client, which ends with its connection. Its CleanupPublisher, called right after
// the first message, would leave a goroutine behind.
func (o *NATS) forget() { o.nc, o.stream, o.settled = nil, nil, false }

// Write returns once all messages of b are delivered: confirmed by the stream or, without one, received by the
// server. The [*sdk.PartialError] names rows that do not fit into a message. While there is no server, no stream
// or no room in it, Write asks to be called again soon: nothing of b is lost.
func (o *NATS) Write(ctx context.Context, b *sdk.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	nc, err := o.conn.Ready(ctx)
	if err != nil {
		return retry(again, err)
	}
	j := o.take(b, o.room(nc, b.ID.Agent))
	for {
		if o.config.JetStream {
			err = o.store(ctx, nc, j)
		} else {
			err = o.tell(ctx, nc, j)
		}
		if err != nil {
			o.keep(j)
			return err
		}
		if !j.has(tooLarge) {
			break
		}
		j.recut(b, o.encoder, o.room(nc, b.ID.Agent))
	}
	o.unsent = nil
	return j.partial()
}

func (j *job) has(s state) bool {
	for i := range j.messages {
		if j.messages[i].state == s {
			return true
		}
	}
	return false
}

// take returns the job of the last Write where that was for the same batch, or encodes b.
func (o *NATS) take(b *sdk.Batch, room limits) *job {
	if j := o.unsent; j != nil && b.ID != (sdk.BatchID{}) && j.id == b.ID && j.rows == b.Len() {
		return j
	}
	o.unsent = nil
	if cap(o.fresh.data) > keptBytes {
		o.fresh = job{}
	}
	used := o.router.divide(b)
	o.fresh.plan(b, used, o.encoder, room)
	release(used)
	return &o.fresh
}

// keep leaves the job for the next Write. The client may still hold its messages, so its memory is not used
// again.
func (o *NATS) keep(j *job) {
	if j == &o.fresh {
		kept := o.fresh
		o.unsent, o.fresh = &kept, job{}
	}
}

// room returns how many bytes of data a message may have.
func (o *NATS) room(nc *nats.Conn, agent string) limits {
	room := nc.MaxPayload()
	if asked := int64(o.config.MaxMessage); asked > 0 {
		room = min(room, asked)
	}
	most := int(max(room-int64(headers+2*len(agent)), 1))
	if o.limit > 0 {
		return limits{most, min(most, o.limit)}
	}
	return limits{most, most}
}

// headers is what the headers of a message take at most, without the agent's name, which stands in them twice.
const headers = 400

// delivered counts message i of j, and is the end of it.
func (o *NATS) delivered(m *message) {
	m.state, m.futures = done, nil
	o.messages.Add(1)
	o.bytes.Add(float64(len(m.data)))
}

// The pauses before a batch is tried again.
const (
	again   = 100 * time.Millisecond // the connection comes back by itself, and is waited for in Write
	full    = time.Second            // of a stream that has no room, or is not there, at first
	refused = 30 * time.Second       // of a right that is missing
)

func retry(after time.Duration, err error) error {
	return &sdk.RetryError{After: after + rand.N(after/4), Err: fmt.Errorf("publish: %w", err)}
}
