package nats

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
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

func newOutput(t testing.TB, change func(*Config)) *NATS {
	t.Helper()
	o, err := New(config(change))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// opened returns an output that is open until the test ends.
func opened(t testing.TB, change func(*Config)) (*NATS, *sdk.Catalog) {
	t.Helper()
	o, c := newOutput(t, change), sdk.NewCatalog(sdk.Limits{})
	if err := o.Open(t.Context(), sdktest.Env(t, c)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o, c
}

func TestContract(t *testing.T) {
	s := natstest.Run(t, nil)
	for _, encoding := range []string{"influx", "json", "record"} {
		for _, packed := range []string{"identity", "zstd"} {
			t.Run(encoding+" "+packed, func(t *testing.T) {
				sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
					return newOutput(t, func(c *Config) {
						c.URL, c.Encoding, c.ContentEncoding = s.URL(), encoding, packed
					})
				})
			})
		}
	}
	t.Run("jetstream", func(t *testing.T) {
		makeStream(t, s, jetstream.StreamConfig{Name: "GPULINE", Subjects: []string{"gpu.>"}})
		sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
			return newOutput(t, func(c *Config) {
				c.URL, c.JetStream, c.Stream.Create, c.ContentEncoding = s.URL(), true, true, "zstd"
			})
		})
	})
}

func makeStream(t testing.TB, s *natstest.Server, c jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	stream, err := s.JetStream().CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// listen returns what is published to a subject.
func listen(t testing.TB, s *natstest.Server, subject string) chan *nats.Msg {
	t.Helper()
	nc := s.Client()
	all := make(chan *nats.Msg, 1<<16)
	if _, err := nc.ChanSubscribe(subject, all); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return all
}

// next returns so many messages.
func next(t testing.TB, from chan *nats.Msg, n int) []*nats.Msg {
	t.Helper()
	var all []*nats.Msg
	for range n {
		select {
		case m := <-from:
			all = append(all, m)
		case <-time.After(10 * time.Second):
			t.Fatalf("%d messages of %d", len(all), n)
		}
	}
	select {
	case m := <-from:
		t.Fatalf("a message too many: %s %q", m.Subject, m.Data)
	case <-time.After(20 * time.Millisecond):
	}
	return all
}
