package nats

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.Leaks()...) }

// config returns the defaults with changes.
func config(change func(*Config)) *Config {
	c := new(Config)
	sdk.Defaults(c)
	if change != nil {
		change(c)
	}
	return c
}

// hub is an input at work, with its figures.
type hub struct {
	*NATS
	t       testing.TB
	catalog *sdk.Catalog
	meter   *sdk.Meter
	closed  bool
}

// open returns an input that is open until the test ends.
func open(t testing.TB, change func(*Config)) *hub {
	t.Helper()
	in, err := New(config(change))
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{NATS: in, t: t, catalog: sdk.NewCatalog(sdk.Limits{})}
	env := sdktest.Env(t, h.catalog)
	h.meter = env.Meter
	if err := in.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.end)
	return h
}

func (h *hub) end() {
	if h.closed {
		return
	}
	h.closed = true
	if err := h.Close(); err != nil {
		h.t.Error(err)
	}
}

const patience = 15 * time.Second

// read returns the next metrics, as lines, and their Ack.
func (h *hub) read() ([]string, sdk.Ack) {
	h.t.Helper()
	lines, ack, err := h.readFor(patience)
	if err != nil {
		h.t.Fatal(err)
	}
	return lines, ack
}

func (h *hub) readFor(within time.Duration) ([]string, sdk.Ack, error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), within)
	defer cancel()
	b := sdk.NewBatch(h.catalog)
	ack, err := h.Read(ctx, b)
	if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() {
		h.t.Errorf("%d rows added, %d in the batch, tally %+v", y.Added, b.Len(), y)
	}
	if b.ID != (sdk.BatchID{}) {
		h.t.Errorf("the batch bears the identity %+v", b.ID)
	}
	return sdktest.DumpFull(b), ack, err
}

// none checks that nothing comes for a while.
func (h *hub) none(within time.Duration) {
	h.t.Helper()
	if lines, _, err := h.readFor(within); !errors.Is(err, context.DeadlineExceeded) {
		h.t.Errorf("%q, %v came", lines, err)
	}
}

// figure returns one of the input's figures.
func (h *hub) figure(name string) float64 {
	h.t.Helper()
	for total := range h.meter.Totals() {
		full := total.Name
		for _, tag := range total.Tags {
			full += "," + tag.Key + "=" + tag.Value
		}
		if full == name {
			return total.Value
		}
	}
	h.t.Fatalf("no figure %s", name)
	return 0
}

func (h *hub) wantFigure(name string, want float64) {
	h.t.Helper()
	if got := h.figure(name); got != want {
		h.t.Errorf("%s is %v, want %v", name, got, want)
	}
}

func makeStream(t testing.TB, s *natstest.Server, c jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	if c.Name == "" {
		c.Name = "GPULINE"
	}
	if c.Subjects == nil {
		c.Subjects = []string{"gpu.>"}
	}
	stream, err := s.JetStream().CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// frame returns lines, in the manner of sdktest, as a record.
func frame(t testing.TB, text string) []byte {
	t.Helper()
	return record.Append(nil, sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), text))
}

func headers(e natsclient.Encoding) nats.Header {
	return nats.Header{natsclient.HeaderContentType: {e.ContentType()}}
}

// publish stores a message.
func publish(t testing.TB, js jetstream.JetStream, h nats.Header, data string) {
	t.Helper()
	if h == nil {
		h = nats.Header{}
	}
	if _, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "gpu.h.0", Header: h, Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
}

func jetStream(s *natstest.Server) func(*Config) {
	return func(c *Config) { c.URL, c.JetStream = s.URL(), true }
}

func TestContract(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	js := s.JetStream()
	for i := range 50 {
		publish(t, js, headers(natsclient.Influx), fmt.Sprintf("gpu,gpu_index=0,host=h power_watts=%d.5,memory_used_bytes=%di %d\n", i, i, 1_700_000_000_000_000_000+i))
	}
	consumers := 0
	t.Run("jetstream", func(t *testing.T) {
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
			consumers++
			in, err := New(config(func(c *Config) {
				c.URL, c.JetStream, c.Consumer = s.URL(), true, fmt.Sprintf("hub-%d", consumers)
				// The server's goroutines are not the input's.
				settings := (&puller{config: c}).consumerConfig()
				if _, err := stream.CreateConsumer(context.Background(), settings); err != nil {
					t.Fatal(err)
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			return in
		})
	})
	t.Run("core", func(t *testing.T) {
		nc := s.Client()
		sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
			in, err := New(config(func(c *Config) { c.URL, c.Subjects = s.URL(), []string{"core.>"} }))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for ctx.Err() == nil {
					_ = nc.Publish("core.x", []byte("gpu,gpu_index=0,host=h power_watts=1.5\n"))
					time.Sleep(5 * time.Millisecond)
				}
			}()
			t.Cleanup(func() { cancel(); <-ended })
			return in
		})
	})
}

// A message leaves the stream's consumer once its metrics are where they belong, and not before.
func TestAck(t *testing.T) {
	s := natstest.Run(t, nil)
	stream := makeStream(t, s, jetstream.StreamConfig{})
	publish(t, s.JetStream(), nil, "a x=1 1")
	h := open(t, jetStream(s))
	pending := func(want int) {
		t.Helper()
		natstest.Eventually(t, patience, fmt.Sprintf("%d messages in hand", want), func() bool {
			c, err := stream.Consumer(t.Context(), "gpuline")
			return err == nil && c.CachedInfo().NumAckPending == want
		})
	}
	_, ack := h.read()
	pending(1)
	ack(errors.New("not delivered"))
	lines, ack := h.read()
	if len(lines) != 1 {
		t.Errorf("given back, it came again as %q", lines)
	}
	h.wantFigure("gpuline_nats_redelivered_messages_total", 1)
	ack(nil)
	pending(0)
	h.none(300 * time.Millisecond)
}
