package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// puller is the source that reads a stream through a durable consumer.
type puller struct {
	config   *Config
	conn     *natsclient.Conn
	log      *slog.Logger
	inflight *inflight
	nc       *nats.Conn // that the consumer belongs to
	consumer jetstream.Consumer
	fetching *fetch // for the next message; nil while there is none
	failures int    // in a row
	nextSeq  uint64 // sequence number behind that of the last message; 0 before the first
}

const (
	// How long a fetch waits for a message.
	firstWait = 10 * time.Second

	// How often the server says that it still holds a fetch. After two of these without a word the fetch is lost, with
	// the leader of the cluster that held it.
	heartbeat = time.Second

	// What comes within so long of the first message goes into the same batch.
	moreWait = 50 * time.Millisecond

	maxMessages = 512

	// A cluster that elects a leader fails for a moment, which no operator needs to read: so many failures in a row are
	// not reported.
	quietFailures = 40
	failurePause  = 250 * time.Millisecond

	// After so many failures the consumer is looked up again: it may have been deleted, whatever the server says.
	lookAgain    = 8
	bindPatience = 2 * time.Second
)

func (p *puller) next(ctx context.Context, nc *nats.Conn) ([]message, error) {
	all, err := p.pull(ctx, nc)
	switch {
	case len(all) > 0 || err == nil:
		p.failures = 0
		p.note(all)
		return all, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if silent(err) {
		p.conn.Doubt()
		known, _ := p.conn.Forbidden(ctx, nc) // silence is also what follows on a right that is missing
		for _, why := range known {
			err = fmt.Errorf("%w: %w", err, why)
			break
		}
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) && p.nextSeq > 0 {
		p.nextSeq = 1 // one that takes its place holds nothing that was read
	}
	if p.failures++; p.failures%lookAgain == 0 || gone(err) {
		p.consumer = nil
	}
	if missing(err) || p.failures%quietFailures == 0 {
		return nil, fmt.Errorf("read from the stream: %w", err)
	}
	p.log.Debug("reading failed; it will be tried again", "err", err)
	clock.Sleep(ctx, failurePause)
	return nil, nil
}

func (p *puller) note(all []message) {
	for i := range all {
		if meta, err := all[i].stored.Metadata(); err == nil {
			p.nextSeq = max(p.nextSeq, meta.Sequence.Stream+1)
		}
	}
}

// missing reports whether an operator must do something.
func missing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) && api.Code == http.StatusBadRequest { // a consumer that the stream cannot have
		return true
	}
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, errConsumer) ||
		errors.Is(err, nats.ErrPermissionViolation)
}

// silent reports whether the server has said nothing at all.
func silent(err error) bool {
	return errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
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
	room := p.inflight.room(ctx)
	if room == 0 {
		return nil, ctx.Err()
	}
	all, err := p.first(ctx)
	if err != nil || len(all) == 0 || room == 1 {
		return all, err
	}
	// This fetch is never given up: what the server had sent would come again only after ack_wait.
	got, err := p.consumer.Fetch(min(room-1, maxMessages), jetstream.FetchMaxBytes(int(p.config.BatchBytes)), jetstream.FetchMaxWait(moreWait))
	if err == nil {
		for m := range got.Messages() {
			all = append(all, received(m))
		}
		err = failure(got.Error())
	}
	if err != nil {
		p.log.Debug("reading failed; it will be tried again", "err", err)
	}
	return all, nil
}

func received(m jetstream.Msg) message {
	return message{subject: m.Subject(), header: m.Headers(), data: m.Data(), stored: m}
}

// failure returns err, or nil where it says that nothing came.
func failure(err error) error {
	for _, none := range []error{context.DeadlineExceeded, context.Canceled, nats.ErrTimeout, jetstream.ErrNoMessages} {
		if errors.Is(err, none) {
			return nil
		}
	}
	return err
}

// fetch asks the server for one message. It outlives the Read that began it.
type fetch struct {
	messages jetstream.MessageBatch
	lost     chan nats.Status // tells that the connection was lost, and the request with it
	end      func()
}

// first waits for a message. It returns none after a while.
func (p *puller) first(ctx context.Context) ([]message, error) {
	if p.fetching == nil {
		if err := p.beginFetch(); err != nil {
			return nil, err
		}
	}
	select {
	case m, ok := <-p.fetching.messages.Messages():
		err := p.fetching.messages.Error()
		p.endFetch()
		if !ok {
			return nil, failure(err)
		}
		return []message{received(m)}, nil
	case <-p.fetching.lost:
		p.endFetch()
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *puller) beginFetch() error {
	lost := p.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	ctx, cancel := context.WithTimeout(context.Background(), firstWait)
	end := func() {
		cancel()
		p.nc.RemoveStatusListener(lost)
	}
	messages, err := p.consumer.Fetch(1, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		end()
		return err
	}
	p.fetching = &fetch{messages: messages, lost: lost, end: end}
	return nil
}

func (p *puller) endFetch() {
	if p.fetching != nil {
		p.fetching.end()
		p.fetching = nil
	}
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
		consumer, err = js.CreateConsumer(ctx, stream, p.consumerConfig())
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
	if found.MaxDeliver > 0 {
		p.log.Warn("the consumer gives a message up that was delivered too often: what hubs give back, or die with, may be lost: set its MaxDeliver to -1",
			"consumer", p.config.Consumer, "max_deliver", found.MaxDeliver)
	}
	if have := filters(&found); len(have) > 0 && !sameSet(have, p.config.Subjects) {
		p.log.Warn("the consumer reads other subjects than `subjects` says: change it with `nats consumer edit`, or name another",
			"consumer", p.config.Consumer, "reads", have, "subjects", p.config.Subjects)
	}
	p.endFetch()
	p.nc, p.consumer = nc, consumer
	p.inflight.setLimits(found.AckWait, found.MaxAckPending)
	return nil
}

// filters returns the subjects that a consumer reads, or none where it reads all of its stream.
func filters(c *jetstream.ConsumerConfig) []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func (p *puller) consumerConfig() jetstream.ConsumerConfig {
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
	switch {
	case p.config.Start != "new":
	case p.nextSeq == 0:
		c.DeliverPolicy = jetstream.DeliverNewPolicy
	default: // it was there, and is made again
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, p.inflight.oldest(p.nextSeq)
	}
	return c
}

func (p *puller) close() { p.endFetch() }
