package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
)

const (
	// So much of a batch is on its way at a time.
	maxInFlight      = 256
	maxInFlightBytes = 8 << 20

	// The client gives a message up that is not answered for so long. Write has tried again long before.
	ackTimeout = 30 * time.Second
)

// store publishes what of j is not confirmed, and waits for the confirmations. Silence is also what follows on a
// right that is missing.
func (o *NATS) store(ctx context.Context, nc *nats.Conn, j *job) error {
	err := o.publish(ctx, nc, j)
	if errors.Is(err, context.DeadlineExceeded) {
		known, _ := o.conn.Forbidden(ctx, nc) // ctx has ended, and what is known by now is enough
		for subject, why := range known {
			return o.forbidden(subject, why)
		}
	}
	return err
}

func (o *NATS) publish(ctx context.Context, nc *nats.Conn, j *job) error {
	if err := o.prepare(ctx, nc); err != nil {
		return err
	}
	flight := flight{output: o, job: j}
	for i := range j.messages {
		m := &j.messages[i]
		if m.state != waiting || flight.poll(m) {
			continue
		}
		if !flight.admit(ctx, len(m.data)) {
			break
		}
		future, err := o.stream.PublishMsgAsync(j.message(i, o.encoder), jetstream.WithRetryAttempts(0))
		if err != nil {
			flight.fail(m, err)
			break
		}
		m.futures = append(m.futures, future)
		flight.add(i)
	}
	flight.land(ctx)
	if errors.Is(flight.err, context.DeadlineExceeded) && !flight.answered {
		o.conn.Doubt()
	}
	return flight.err
}

// flight is what of a job was published and is not answered, oldest first.
type flight struct {
	output *NATS
	job    *job
	on     []int // messages
	bytes  int
	err    error // the first that means: try again later

	answered bool // by the stream, whatever it said
}

// poll reports whether a try of m that nobody waits for was confirmed meanwhile.
func (f *flight) poll(m *message) bool {
	var open []jetstream.PubAckFuture
	for _, future := range m.futures {
		select {
		case ack := <-future.Ok():
			f.confirm(m, ack)
			return true
		case err := <-future.Err():
			f.output.log.Debug("a message that was given up has failed", "err", err)
		default:
			open = append(open, future)
		}
	}
	m.futures = open
	return false
}

func (f *flight) confirm(m *message, ack *jetstream.PubAck) {
	f.answered = true
	f.output.closed = time.Time{}
	if ack.Duplicate {
		f.output.duplicates.Add(1)
	}
	f.output.delivered(m)
}

// admit waits until there is room for size more bytes. It reports false once there is no use in sending more. A stream
// that has taken nothing last time gets one message first: a fleet does not send it batches that it refuses.
func (f *flight) admit(ctx context.Context, size int) bool {
	for f.err == nil && len(f.on) > 0 && (len(f.on) >= f.window() || f.bytes+size > maxInFlightBytes) {
		f.wait(ctx)
	}
	return f.err == nil
}

func (f *flight) window() int {
	if f.output.closed.IsZero() {
		return maxInFlight
	}
	return 1
}

func (f *flight) add(i int) {
	f.on = append(f.on, i)
	f.bytes += len(f.job.messages[i].data)
}

// land waits for all that is on its way.
func (f *flight) land(ctx context.Context) {
	for len(f.on) > 0 {
		f.wait(ctx)
	}
}

// wait waits for the oldest.
func (f *flight) wait(ctx context.Context) {
	m := &f.job.messages[f.on[0]]
	f.on = f.on[1:]
	f.bytes -= len(m.data)
	last := len(m.futures) - 1
	future := m.futures[last]
	select {
	case ack := <-future.Ok():
		f.confirm(m, ack)
		return
	case err := <-future.Err():
		m.futures = m.futures[:last]
		f.fail(m, err)
		return
	default:
	}
	select {
	case ack := <-future.Ok():
		f.confirm(m, ack)
	case err := <-future.Err():
		m.futures = m.futures[:last]
		f.fail(m, err)
	case <-ctx.Done():
		// An earlier try may have been confirmed. Where none was, an answer may still come, and is looked for when the
		// batch is tried again.
		if !f.poll(m) {
			f.hold(retry(again, fmt.Errorf("wait for the stream to confirm: %w", ctx.Err())))
		}
	}
}

func (f *flight) hold(err error) {
	if f.err == nil {
		f.err = err
	}
}

// notStored is the server's code for a stream that did not store a message: it has no room and discards what is new,
// or its disk refuses. The words tell which.
const notStored jetstream.ErrorCode = 10077

// fail sorts what became of m. Whatever it is, nothing is lost: the stream is mended, and m is sent again.
func (f *flight) fail(m *message, err error) {
	var api *jetstream.APIError
	f.answered = f.answered || errors.As(err, &api)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		m.state = tooLarge // the server that it is connected to now takes less
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum:
		if len(m.at) == 1 {
			m.state = done
			f.job.refuse(m.at[0], fmt.Errorf("write to subject %s: a metric of %d bytes: %w", m.subject, len(m.data), err))
			return
		}
		m.state = tooLarge
		f.output.learn(len(m.data))
	case errors.As(err, &api) && api.ErrorCode == notStored && strings.Contains(api.Description, "maximum"):
		f.hold(f.output.later(fmt.Errorf("the stream is full, and the metrics wait: %w", err)))
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		f.output.settled = false // it may have been deleted
		f.hold(f.output.later(fmt.Errorf("no stream takes the subject %s: make one that takes %s, or set `stream.create`: %w",
			m.subject, f.output.pattern, err)))
	case errors.As(err, &api):
		f.hold(f.output.later(fmt.Errorf("JetStream does not take it, and the metrics wait: %w", err)))
	default:
		f.hold(retry(again, err))
	}
}

// later is the error of a stream that takes nothing, or is not there: the longer that lasts, the less often it is
// tried.
func (o *NATS) later(err error) error {
	if o.closed.IsZero() {
		o.closed = time.Now()
	}
	return retry(max(full, natsclient.Pause(time.Since(o.closed))), err)
}

// learn notes that the stream takes less than size bytes of data.
func (o *NATS) learn(size int) {
	half := max(size/2, 1)
	if o.limit == 0 || half < o.limit {
		o.limit = half
	}
}

// prepare makes the client for nc, and the stream where that is asked for.
func (o *NATS) prepare(ctx context.Context, nc *nats.Conn) error {
	if o.nc != nc {
		o.forget()
		stream, err := o.conn.JetStream(nc, jetstream.WithPublishAsyncTimeout(ackTimeout), jetstream.WithPublishAsyncMaxPending(1<<16))
		if err != nil {
			return o.later(err)
		}
		o.nc, o.stream = nc, stream
	}
	if o.settled || !o.config.Stream.Create {
		return nil
	}
	settings := o.config.settings(o.pattern)
	_, err := o.stream.Stream(ctx, settings.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = o.stream.CreateStream(ctx, settings)
		if err == nil {
			o.log.Info("stream made", "stream", settings.Name, "subjects", settings.Subjects)
		}
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return o.later(fmt.Errorf("make the stream %s: %w", settings.Name, err))
	}
	o.settled = true
	return nil
}
