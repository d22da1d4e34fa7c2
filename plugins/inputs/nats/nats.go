// Package nats is the input that reads from NATS: what is published, or what a JetStream stream keeps. It is the
// entrance of a hub, which takes from a fleet of agents what outputs.nats sends.
//
// From a stream it pulls through a durable consumer, which any number of hubs share. A message is acknowledged
// after every required output has its metrics, and told to be in progress while they try; what a hub had in hand
// when it died goes to another one. A message that cannot be read is put aside, so that it comes to nobody again.
package nats

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/deadletter"
	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

//go:embed sample.toml
var sample string

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("nats", "Takes from NATS what is published, or what a JetStream stream keeps", sample,
		func(c *Config) (any, error) { return New(c) })
}

// NATS is the input, an [sdk.Reader].
type NATS struct {
	config   Config
	log      *slog.Logger
	now      func() time.Time
	source   source
	inflight *inflight
	decoder  *decoder
	tracker  *tracker         // nil where gaps are not counted
	dead     *deadletter.File // nil without one
	figures  figures
	ahead    []message // received, and not decoded yet
}

// source is where messages come from.
type source interface {
	// next waits for messages and returns them, or none after a while. Errors are for the operator.
	next(ctx context.Context, nc *nats.Conn) ([]message, error)
	close()
}

// message is what the source received.
type message struct {
	subject string
	header  nats.Header
	data    []byte
	stored  jetstream.Msg // nil where nobody waits for an ack
}

// New returns an input of the configuration c.
func New(c *Config) (*NATS, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &NATS{config: *c}, nil
}

// Open reads the files that the configuration names, and starts to connect.
func (in *NATS) Open(ctx context.Context, env *sdk.Env) error {
	decoder, err := newDecoder(&in.config, env.Catalog)
	if err != nil {
		return err
	}
	conn, err := natsclient.Dial(ctx, &in.config.Config, env, "gpuline inputs.nats on "+env.Host)
	if err != nil {
		return err
	}
	in.log, in.now, in.decoder, in.ahead = env.Log, env.Now, decoder, nil
	in.figures = newFigures(env.Meter)
	in.inflight = newInflight(conn)
	in.source = newMailbox(&in.config, &in.figures)
	if in.config.JetStream {
		in.source = &puller{config: &in.config, conn: conn, log: env.Log, inflight: in.inflight}
	}
	in.tracker = nil
	if in.config.Gaps && in.config.QueueGroup == "" { // a group's member sees a part alone
		in.tracker = newTracker(&in.figures)
	}
	in.dead = nil
	if in.config.DeadLetter.Path != "" {
		in.dead = deadletter.New(in.config.DeadLetter, env.Now)
		if err := in.dead.Check(); err != nil {
			in.log.Error("messages that cannot be read will be lost: make the folder writable for the agent, or change `dead_letter`", "err", err)
		}
	}
	return nil
}

// Close stops reading. Where outputs still have what was read, the connection stays until they have said what
// became of it: the engine closes inputs first.
func (in *NATS) Close() error {
	for _, m := range in.ahead {
		in.inflight.giveBack(m.stored, 0)
	}
	in.ahead = nil
	in.source.close()
	in.decoder.close()
	in.inflight.close()
	return nil
}

// Read waits for messages and adds their metrics to b. Its Ack, which there is with jetstream, acknowledges them.
func (in *NATS) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for ctx.Err() == nil {
		if len(in.ahead) == 0 {
			nc, err := in.inflight.conn.Ready(ctx)
			if ctx.Err() != nil {
				break
			}
			if err != nil {
				return nil, err
			}
			if in.ahead, err = in.source.next(ctx, nc); err != nil {
				return nil, err
			}
			in.inflight.take(in.ahead)
		}
		taken := in.fill(b)
		if b.Len() > 0 || b.Tally().Added > 0 {
			if !in.config.JetStream {
				return nil, nil
			}
			return in.inflight.ack(taken), nil
		}
		in.inflight.ack(taken)(nil) // messages without metrics are read, too
	}
	return nil, ctx.Err()
}

// fill decodes what is ahead until b is large enough, and returns the messages that b answers for.
func (in *NATS) fill(b *sdk.Batch) []jetstream.Msg {
	var taken []jetstream.Msg
	for len(in.ahead) > 0 && b.Bytes() < int(in.config.BatchBytes) {
		m := in.ahead[0]
		in.ahead = in.ahead[1:]
		in.observe(&m)
		if in.read(b, &m) && m.stored != nil {
			taken = append(taken, m.stored)
		}
	}
	if len(in.ahead) == 0 {
		in.ahead = nil // lets go of the data
	}
	return taken
}

// observe counts a message.
func (in *NATS) observe(m *message) {
	in.figures.messages.Add(1)
	in.figures.bytes.Add(float64(len(m.data)))
	var meta *jetstream.MsgMetadata
	if m.stored != nil {
		var err error
		if meta, err = m.stored.Metadata(); err != nil {
			return
		}
		in.figures.pending.Set(float64(meta.NumPending))
		if meta.NumDelivered > 1 {
			in.figures.redelivered.Add(1)
		}
	}
	if in.tracker != nil {
		in.tracker.see(m.header, meta)
	}
}

// heldFor is how long a message that this agent is too old to read rests: another hub may be newer.
const heldFor = 30 * time.Second

// read adds m's metrics to b, and reports whether b answers for m. A message that cannot be read is answered here.
func (in *NATS) read(b *sdk.Batch, m *message) bool {
	before := b.Len()
	err := in.decoder.decode(b, m, in.now().UnixNano())
	var bad *lineErrors
	switch {
	case err == nil:
		return true
	case errors.Is(err, record.ErrVersion):
		in.log.Error("a message waits for a newer gpuline: update this one", "subject", m.subject, "err", err)
		in.figures.held.Add(1)
		in.inflight.giveBack(m.stored, heldFor)
		return false
	case errors.As(err, &bad):
		in.figures.badLines.Add(float64(bad.count))
		in.bury(m, err)
		if b.Len() > before {
			in.log.Warn("bad lines left out", "subject", m.subject, "count", bad.count, "err", err)
			return true
		}
	default:
		in.bury(m, err)
	}
	in.figures.poison.Add(1)
	in.log.Warn("message cannot be read", "subject", m.subject, "err", err)
	in.inflight.terminate(m.stored, err)
	return false
}

// bury puts a message into the dead-letter file.
func (in *NATS) bury(m *message, why error) {
	if in.dead == nil {
		return
	}
	line, err := json.Marshal(struct {
		Subject string              `json:"subject"`
		Headers map[string][]string `json:"headers,omitempty"`
		Data    []byte              `json:"data"`
	}{m.subject, m.header, m.data})
	if err == nil {
		err = in.dead.Append([]deadletter.Entry{{Reason: fmt.Sprintf("%s: %v", m.subject, why), Line: append(line, '\n')}})
	}
	if err != nil {
		in.log.Error("what cannot be read is lost", "err", err)
	}
}
