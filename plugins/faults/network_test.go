package faults

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
)

// Between an agent and a database.
func TestNetworkToInfluxDB(t *testing.T) {
	f := func(name string, each, pad int, keys string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := newDatabase(t)
			p := newProxy(t, db.Listener.Addr().String())
			output := fmt.Sprintf("[[outputs.influxdb]]\nurl = \"http://%s\"\ndatabase = \"gpu\"\n%s", p.addr(), keys)
			s := &script{t: t, proxy: p, held: db.held, numbers: &numbers{host: "h", each: each, pad: pad}, config: []string{config("h", t.TempDir(), output)}}
			s.play(networkRounds)
		})
	}
	f("small", 5, 0, "")
	f("large", 2, 1000, "")
}

// Between an agent and a stream, which recognises what is sent again.
func TestNetworkToJetStream(t *testing.T) {
	f := func(name string, each, pad int, keys ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := natstest.Run(t, nil)
			stream, err := server.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "GPULINE", Subjects: []string{"gpu.>"}})
			if err != nil {
				t.Fatal(err)
			}
			p := newProxy(t, strings.TrimPrefix(server.URL(), "nats://"))
			held := func() map[string]int { return stored(t, stream) }
			s := &script{t: t, proxy: p, held: held, numbers: &numbers{host: "h", each: each, pad: pad}}
			folder := t.TempDir()
			for _, k := range keys {
				s.config = append(s.config, config("h", folder, fmt.Sprintf("[[outputs.nats]]\nurl = \"nats://%s\"\njetstream = true\n%s", p.addr(), k)))
			}
			s.play(networkRounds)
			if n := twice(held()); n > 0 && len(keys) == 1 {
				t.Errorf("%d metrics are stored twice", n)
			}
		})
	}
	const subject = "subject = \"gpu.{k}\"\n"
	f("small", 5, 0, subject)
	f("large", 2, 1000, subject+"max_message = \"64KiB\"")
	// A batch that was sent in part may be cut in another way by the next agent.
	f("changing", 2, 1000, subject+"max_message = \"4KiB\"", subject+"max_message = \"16KiB\"", "subject = \"gpu.all\"")
}

// stored returns the lines of a stream.
func stored(t *testing.T, stream jetstream.Stream) map[string]int {
	t.Helper()
	all := make(map[string]int)
	c, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for pending := uint64(1); pending > 0; {
		m, err := c.Next()
		if err != nil {
			t.Fatal(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		pending = meta.NumPending
		for line := range strings.Lines(string(m.Data())) {
			all[strings.TrimSuffix(line, "\n")]++
		}
	}
	return all
}

// Between an agent and a server that tells its listeners, and keeps nothing.
func TestNetworkToNATS(t *testing.T) {
	t.Parallel()
	server := natstest.Run(t, nil)
	var mu sync.Mutex
	all := make(map[string]int)
	listener := server.Client()
	sub, err := listener.Subscribe("gpu.>", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		for line := range strings.Lines(string(m.Data)) {
			all[strings.TrimSuffix(line, "\n")]++
		}
	})
	if err == nil {
		err = sub.SetPendingLimits(-1, -1)
	}
	if err == nil {
		err = listener.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	held := func() map[string]int {
		if err := listener.Flush(); err != nil {
			t.Fatal(err)
		}
		natstest.Eventually(t, patience, "all that was published", func() bool {
			n, _, err := sub.Pending()
			return err == nil && n == 0
		})
		mu.Lock()
		defer mu.Unlock()
		return all
	}
	p := newProxy(t, strings.TrimPrefix(server.URL(), "nats://"))
	output := fmt.Sprintf("[[outputs.nats]]\nurl = \"nats://%s\"\nsubject = \"gpu.{k}\"\n", p.addr())
	s := &script{t: t, proxy: p, held: held, numbers: &numbers{host: "h", each: 5}, config: []string{config("h", t.TempDir(), output)}}
	s.play(networkRounds)
}

// Between a stream and a hub, which delivers to a database.
func TestNetworkToHub(t *testing.T) {
	t.Parallel()
	server := natstest.Run(t, nil)
	db := newDatabase(t)
	p := newProxy(t, strings.TrimPrefix(server.URL(), "nats://"))
	output := fmt.Sprintf("[[outputs.nats]]\nurl = %q\njetstream = true\nencoding = \"record\"\nsubject = \"gpu.{k}\"\nstream = { create = true }", server.URL())
	s := &script{
		t: t, proxy: p, held: db.held, numbers: &numbers{host: "h", each: 5}, config: []string{config("h", t.TempDir(), output)},
		there: func(n uint64) bool { return uint64(len(db.held())) >= n },
	}
	hub := start(t, fmt.Sprintf("[agent]\nhttp = \"\"\nhostname = \"hub\"\n[[inputs.nats]]\nurl = \"nats://%s\"\njetstream = true\nack_wait = \"2s\"\n"+
		"[[outputs.influxdb]]\nurl = %q\ndatabase = \"gpu\"\nflush_interval = \"20ms\"\n", p.addr(), db.URL))
	s.play(networkRounds)
	l := hub.stop()
	if o := &l.Outputs[0]; o.Dropped() > 0 || o.Queued > 0 || o.Delivered < s.delivered {
		t.Errorf("%+v", *o)
	}
}
