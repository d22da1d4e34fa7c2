package nats

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// numbered publishes n metrics, a message each.
func numbered(t testing.TB, js jetstream.JetStream, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		h := headers(natsclient.Influx)
		natsclient.Part{ID: sdk.BatchID{Agent: "a", Epoch: 1, Seq: uint64(i + 1)}, Part: 1, Parts: 1}.AddTo(h)
		publish(t, js, h, fmt.Sprintf("a x=%d %d\n", i, i+1))
	}
}

// collect reads until it has n metrics, and acknowledges each batch with err.
func (h *hub) collect(n int, err error) []string {
	h.t.Helper()
	var all []string
	for len(all) < n {
		lines, ack := h.read()
		all = append(all, lines...)
		if ack != nil {
			ack(err)
		}
	}
	return all
}

func lines(from, n int) []string {
	var all []string
	for i := from; i < from+n; i++ {
		all = append(all, fmt.Sprintf("a x:gauge:=%d %d", i, i+1))
	}
	return all
}

func wantAll(t *testing.T, want, got []string) {
	t.Helper()
	want, got = slices.Clone(want), slices.Clone(got)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// settled waits until the consumer has nothing more to deliver, and nothing in hand.
func settled(t *testing.T, stream jetstream.Stream) {
	t.Helper()
	natstest.Eventually(t, patience, "answer to all", func() bool {
		c, err := stream.Consumer(t.Context(), "gpuline")
		return err == nil && c.CachedInfo().NumAckPending == 0 && c.CachedInfo().NumPending == 0
	})
}

// Several messages go on as one batch, up to a size.
func TestMessagesArePutTogether(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	numbered(t, s.JetStream(), 0, 300)
	f := func(bytes sdk.Size, least, most int) {
		t.Helper()
		h := open(t, func(c *Config) {
			jetStream(s)(c)
			c.BatchBytes, c.Consumer = bytes, fmt.Sprintf("c%d", bytes)
		})
		var all []string
		batches := 0
		for len(all) < 300 {
			got, ack := h.read()
			all = append(all, got...)
			ack(nil)
			batches++
		}
		wantAll(t, lines(0, 300), all)
		if batches < least || batches > most {
			t.Errorf("%d batches of %d bytes", batches, bytes)
		}
		h.wantFigure("gpuline_nats_missing_total,of=batches", 0)
	}
	f(4<<20, 1, 3)
	f(8<<10, 3, 60)
	if err := stream.DeleteConsumer(t.Context(), "c8192"); err != nil {
		t.Fatal(err)
	}
}

// Two hubs share one consumer: each message goes to one of them, and both get some.
func TestHubsShareAConsumer(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	hubs := []*hub{open(t, func(c *Config) { jetStream(s)(c); c.BatchBytes = 4 << 10 }), open(t, func(c *Config) { jetStream(s)(c); c.BatchBytes = 4 << 10 })}
	const n = 2000
	var mu sync.Mutex
	var all []string
	var wg sync.WaitGroup
	for _, h := range hubs {
		wg.Go(func() {
			for {
				mu.Lock()
				enough := len(all) >= n
				mu.Unlock()
				if enough {
					return
				}
				got, ack, err := h.readFor(500 * time.Millisecond)
				if err != nil {
					continue
				}
				mu.Lock()
				all = append(all, got...)
				mu.Unlock()
				ack(nil)
			}
		})
	}
	numbered(t, s.JetStream(), 0, n)
	wg.Wait()
	wantAll(t, lines(0, n), all)
	settled(t, stream)
	for i, h := range hubs {
		if got := h.figure("gpuline_nats_received_messages_total"); got < n/10 {
			t.Errorf("hub %d got %v messages of %d", i, got, n)
		}
		h.wantFigure("gpuline_nats_missing_total,of=batches", 0)
		h.wantFigure("gpuline_nats_redelivered_messages_total", 0)
	}
}

// What a hub had in hand when it died goes to another one after ack_wait.
func TestHubDies(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	set := func(c *Config) { jetStream(s)(c); c.AckWait = time.Second }
	numbered(t, s.JetStream(), 0, 50)
	victim := open(t, set)
	got, _ := victim.read()
	if len(got) == 0 {
		t.Fatal("nothing read")
	}
	victim.inflight.conn.Close() // the process is gone, and its connection with it
	heir := open(t, set)
	wantAll(t, lines(0, 50), heir.collect(50, nil))
	settled(t, stream)
	if got := heir.figure("gpuline_nats_redelivered_messages_total"); got == 0 {
		t.Error("no message was delivered again")
	}
	heir.wantFigure("gpuline_nats_duplicate_messages_total", 0)
	victim.inflight.answer(nil, nil)
}

// A message stays with the hub whose outputs still try, for longer than ack_wait.
func TestInProgress(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	set := func(c *Config) { jetStream(s)(c); c.AckWait = time.Second }
	numbered(t, s.JetStream(), 0, 10)
	h := open(t, set)
	got, ack := h.read()
	other := open(t, set)
	other.none(3 * time.Second)
	ack(nil)
	wantAll(t, lines(0, 10), got)
	settled(t, stream)
	h.wantFigure("gpuline_nats_redelivered_messages_total", 0)
}

// The engine closes inputs before outputs have delivered what they read: the acks that follow count.
func TestAckAfterClose(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	f := func(from int, err error, want int) {
		t.Helper()
		numbered(t, s.JetStream(), from, 5)
		h := open(t, jetStream(s))
		var acks []sdk.Ack
		for got := 0; got < 5; {
			lines, ack := h.read()
			got += len(lines)
			acks = append(acks, ack)
		}
		h.end()
		for _, ack := range acks {
			ack(err)
		}
		if h.inflight.conn.Connected() {
			t.Error("the connection is still there")
		}
		natstest.Eventually(t, patience, fmt.Sprintf("%d messages left", want), func() bool {
			c, err := stream.Consumer(t.Context(), "gpuline")
			return err == nil && c.CachedInfo().NumAckPending == want
		})
	}
	f(0, nil, 0)
	f(5, errors.New("the agent ended"), 5)
	h := open(t, jetStream(s))
	wantAll(t, lines(5, 5), h.collect(5, nil)) // at once, and not after ack_wait
}

// No more than max_ack_pending messages are in hand, of which a hub leaves a quarter to others: one whose outputs are
// down does not hold up the rest.
func TestMaxAckPending(t *testing.T) {
	s := natstest.Run(t, nil)
	makeStream(t, s, jetstream.StreamConfig{})
	numbered(t, s.JetStream(), 0, 30)
	set := func(c *Config) { jetStream(s)(c); c.MaxAckPending = 8 }
	stuck := open(t, set)
	var got []string
	var acks []sdk.Ack
	for len(got) < 6 {
		more, ack := stuck.read()
		got, acks = append(got, more...), append(acks, ack)
	}
	wantAll(t, lines(0, 6), got)
	stuck.none(300 * time.Millisecond)
	other := open(t, set)
	wantAll(t, lines(6, 14), other.collect(14, nil))
	for _, ack := range acks {
		ack(nil)
	}
	wantAll(t, lines(20, 10), stuck.collect(10, nil))
}

// A hub that starts before server, stream and messages reads them when they are there.
func TestHubIsEarly(t *testing.T) {
	s := natstest.New(t, nil)
	h := open(t, jetStream(s))
	h.none(100 * time.Millisecond)
	s.Start()
	_, _, err := h.readFor(patience)
	if !errors.Is(err, jetstream.ErrStreamNotFound) || !strings.Contains(err.Error(), "find the stream that takes gpu.>") {
		t.Errorf("without a stream: %v", err)
	}
	makeStream(t, s, jetstream.StreamConfig{})
	numbered(t, s.JetStream(), 0, 3)
	wantAll(t, lines(0, 3), h.collect(3, nil))
}

// A server that is killed and comes back with what it had stored costs nothing, and no more than a moment.
func TestServerIsKilled(t *testing.T) {
	s := natstest.Run(t, nil)
	makeStream(t, s, jetstream.StreamConfig{})
	h := open(t, func(c *Config) { jetStream(s)(c); c.AckWait = time.Second })
	total := 0
	for range 3 {
		numbered(t, s.JetStream(), total, 20)
		wantAll(t, lines(total, 20), h.collect(20, nil))
		total += 20
		time.Sleep(100 * time.Millisecond) // the acks are on their way
		s.Stop()
		h.none(100 * time.Millisecond)
		s.Start()
	}
	numbered(t, s.JetStream(), total, 20)
	got := h.collect(20, nil)
	wantAll(t, lines(total, 20), slices.Compact(got))
}

// A consumer that is there is used as it is; one that gives messages up is told of, and one that asks for no acks
// is a fault that says what to do.
func TestConsumerThatIsThere(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	numbered(t, s.JetStream(), 0, 3)
	f := func(c jetstream.ConsumerConfig) error {
		t.Helper()
		c.Durable = "gpuline"
		if _, err := stream.CreateOrUpdateConsumer(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		h := open(t, jetStream(s))
		var log bytes.Buffer
		h.source.(*puller).log = slog.New(slog.NewTextHandler(&log, nil))
		_, ack, err := h.readFor(patience)
		if others := c.FilterSubject != "" && c.FilterSubject != "gpu.>"; strings.Contains(log.String(), "other subjects") != others {
			t.Errorf("filter %q: %s", c.FilterSubject, &log)
		}
		if limited := c.MaxDeliver > 0; strings.Contains(log.String(), "MaxDeliver") != limited {
			t.Errorf("MaxDeliver %d: %s", c.MaxDeliver, &log)
		}
		if err == nil {
			ack(nil)
			if h.inflight.interval() != 5*time.Second {
				t.Errorf("signs of life each %v", h.inflight.interval())
			}
		}
		if err := stream.DeleteConsumer(t.Context(), "gpuline"); err != nil {
			t.Fatal(err)
		}
		return err
	}
	if err := f(jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 15 * time.Second}); err != nil {
		t.Error(err)
	}
	if err := f(jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 15 * time.Second, MaxDeliver: 5}); err != nil {
		t.Error(err)
	}
	if err := f(jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 15 * time.Second, FilterSubject: "gpu.>"}); err != nil {
		t.Error(err)
	}
	if err := f(jetstream.ConsumerConfig{AckPolicy: jetstream.AckExplicitPolicy, AckWait: 15 * time.Second, FilterSubject: "gpu.h.>"}); err != nil {
		t.Error(err)
	}
	if err := f(jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy}); !errors.Is(err, errConsumer) || !strings.Contains(err.Error(), "delete it, or name another") {
		t.Error(err)
	}
}

// A consumer that somebody deletes is made again, and begins anew: what was read comes twice, nothing is lost.
func TestConsumerIsDeleted(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	numbered(t, s.JetStream(), 0, 3)
	h := open(t, jetStream(s))
	wantAll(t, lines(0, 3), h.collect(3, nil))
	settled(t, stream)
	if err := stream.DeleteConsumer(t.Context(), "gpuline"); err != nil {
		t.Fatal(err)
	}
	wantAll(t, lines(0, 3), h.collect(3, nil))
}

// Where a consumer begins with what is new, one that is made again goes on from what was read.
func TestConsumerOfNewMessagesIsDeleted(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	js := s.JetStream()
	numbered(t, js, 0, 3)
	h := open(t, func(c *Config) { jetStream(s)(c); c.Start = "new" })
	h.none(time.Second) // and the consumer is there
	numbered(t, js, 3, 2)
	wantAll(t, lines(3, 2), h.collect(2, nil))
	numbered(t, js, 5, 1)
	_, ack := h.read() // in hand
	if err := stream.DeleteConsumer(t.Context(), "gpuline"); err != nil {
		t.Fatal(err)
	}
	numbered(t, js, 6, 4)
	wantAll(t, lines(5, 5), h.collect(5, nil))
	ack(nil)
	settled(t, stream)
	if err := js.DeleteStream(t.Context(), "GPULINE"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.readFor(patience); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("without the stream: %v", err)
	}
	makeStream(t, s, jetstream.StreamConfig{})
	numbered(t, js, 10, 4)
	wantAll(t, lines(10, 4), h.collect(4, nil))
}

// A consumer that the stream cannot have is a fault that says why.
func TestConsumerThatCannotBe(t *testing.T) {
	s := natstest.Run(t, nil)
	makeStream(t, s, jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy})
	h := open(t, func(c *Config) { jetStream(s)(c); c.Start = "new" })
	if _, _, err := h.readFor(patience); err == nil || !strings.Contains(err.Error(), "deliver all on workqueue") {
		t.Error(err)
	}
}

func TestStartNew(t *testing.T) {
	s := natstest.Run(t, nil)
	makeStream(t, s, jetstream.StreamConfig{})
	js := s.JetStream()
	numbered(t, js, 0, 3)
	h := open(t, func(c *Config) { jetStream(s)(c); c.Start = "new" })
	h.none(200 * time.Millisecond)
	numbered(t, js, 3, 2)
	wantAll(t, lines(3, 2), h.collect(2, nil))
}

// Gaps and duplicates of agents, through a stream.
func TestGapsAreCounted(t *testing.T) {
	s := natstest.Run(t, nil)
	makeStream(t, s, jetstream.StreamConfig{Duplicates: 100 * time.Millisecond})
	js := s.JetStream()
	h := open(t, jetStream(s))
	numbered(t, js, 0, 3)
	numbered(t, js, 5, 3)
	time.Sleep(200 * time.Millisecond)
	numbered(t, js, 7, 1) // once more
	h.collect(7, nil)
	h.wantFigure("gpuline_nats_missing_total,of=batches", 2)
	h.wantFigure("gpuline_nats_missing_total,of=parts", 0)
	h.wantFigure("gpuline_nats_duplicate_messages_total", 1)
	h.wantFigure("gpuline_nats_pending_messages", 0)
}
