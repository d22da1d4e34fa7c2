package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
)

// puller is the source that reads a stream through a durable consumer.
type puller struct {
	config   *Config
	conn     *natsclient.Conn
	log      *slog.Logger
	custody  *custody
	nc       *nats.Conn // that the consumer belongs to
	consumer jetstream.Consumer
	failures int // in a row
}

const (
	// A pull waits so long for the first message. One that a server forgot, since it was restarted, delays the
	// messages by no more.
	firstWait = 2 * time.Second

	// What comes within so long of the first message goes into the same batch.
	moreWait = 50 * time.Millisecond

	maxMessages = 512

	// A cluster that elects a leader fails for a moment: that is for nobody to read.
	quietFailures = 40
	failurePause  = 250 * time.Millisecond

	// After so many failures the consumer may have been deleted, whatever the server says.
	lookAgain    = 8
	bindPatience = 2 * time.Second
)

func (p *puller) next(ctx context.Context, nc *nats.Conn) ([]message, error) {
	all, err := p.pull(ctx, nc)
	switch {
	case len(all) > 0 || err == nil:
		p.failures = 0
		return all, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if p.failures++; p.failures%lookAgain == 0 || gone(err) {
		p.consumer = nil
	}
	if missing(err) || p.failures%quietFailures == 0 {
		return nil, fmt.Errorf("read from the stream: %w", err)
	}
	p.log.Debug("reading failed; it will be tried again", "err", err)
	select {
	case <-time.After(failurePause):
	case <-ctx.Done():
	}
	return nil, nil
}

// missing reports whether an operator must do something.
func missing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, errConsumer) ||
		errors.Is(err, nats.ErrPermissionViolation)
}

// gone reports whether the consumer is not there any more.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrConsumerDoesNotExist)
}

// pull waits for a message, and returns it with what follows at once.
func (p *puller) pull(ctx context.Context, nc *nats.Conn) ([]message, error) {
	if p.consumer == nil || p.nc != nc {
		if err := p.bind(ctx, nc); err != nil {
			return nil, err
		}
	}
	all, err := p.fetch(ctx, firstWait, 1)
	if err != nil || len(all) == 0 {
		return all, err
	}
	more, err := p.fetch(ctx, moreWait, maxMessages, jetstream.FetchMaxBytes(int(p.config.BatchBytes)))
	if err != nil {
		p.log.Debug("reading failed; it will be tried again", "err", err)
	}
	return append(all, more...), nil
}

// fetch pulls up to n messages within a time.
func (p *puller) fetch(ctx context.Context, wait time.Duration, n int, options ...jetstream.FetchOpt) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	got, err := p.consumer.Fetch(n, append(options, jetstream.FetchContext(ctx))...)
	if err != nil {
		return nil, err
	}
	var all []message
	for m := range got.Messages() {
		all = append(all, message{subject: m.Subject(), header: m.Headers(), data: m.Data(), stored: m})
	}
	if err := got.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) &&
		!errors.Is(err, nats.ErrTimeout) && !errors.Is(err, jetstream.ErrNoMessages) {
		return all, err
	}
	return all, nil
}

var errConsumer = errors.New("consumer of another kind")

// bind finds the consumer, or makes it.
func (p *puller) bind(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, bindPatience)
	defer cancel()
	js, err := p.conn.JetStream(nc)
	if err != nil {
		return err
	}
	stream := p.config.Stream
	if stream == "" {
		if stream, err = js.StreamNameBySubject(ctx, p.config.Subjects[0]); err != nil {
			return fmt.Errorf("find the stream that takes %s: %w", p.config.Subjects[0], err)
		}
	}
	consumer, err := js.Consumer(ctx, stream, p.config.Consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = js.CreateConsumer(ctx, stream, p.settings())
		if errors.Is(err, jetstream.ErrConsumerExists) { // another hub was faster
			consumer, err = js.Consumer(ctx, stream, p.config.Consumer)
		}
	}
	if err != nil {
		return fmt.Errorf("consumer %s of stream %s: %w", p.config.Consumer, stream, err)
	}
	found := consumer.CachedInfo().Config
	if found.AckPolicy != jetstream.AckExplicitPolicy {
		return fmt.Errorf("%w: %s of stream %s asks for no ack of each message: delete it, or name another", errConsumer, p.config.Consumer, stream)
	}
	p.nc, p.consumer = nc, consumer
	p.custody.patience(found.AckWait)
	return nil
}

func (p *puller) settings() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable:        p.config.Consumer,
		Description:    "gpuline hubs",
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        p.config.AckWait,
		MaxAckPending:  p.config.MaxAckPending,
		MaxDeliver:     -1,
		FilterSubjects: p.config.Subjects,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
	}
	if p.config.Start == "new" {
		c.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	return c
}

func (p *puller) close() {}
