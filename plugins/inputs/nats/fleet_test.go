package nats_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// collector is an output that keeps what it gets, as lines.
type collector struct {
	mu    sync.Mutex
	lines []string
	fail  error
}

func (c *collector) Write(_ context.Context, b *sdk.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	c.lines = append(c.lines, sdktest.DumpFull(b)...)
	return nil
}

func (c *collector) sorted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.lines)
	slices.Sort(all)
	return all
}

func (c *collector) set(fail error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = fail
}

// running is an agent at work.
type running struct {
	t         *testing.T
	agent     *pipeline.Pipeline
	collector *collector
	stop      func() pipeline.Ledger
}

// run starts an agent, with an output collector beside those of plugins/all. Its ledger is checked at the end.
func run(t *testing.T, into *collector, text string) *running {
	t.Helper()
	type config struct{}
	registry := append(all.Plugins(), sdk.DefineOutput("collector", "Collects.", "", func(*config) (sdk.Output, error) { return into, nil }))
	plan, err := conf.Parse(registry, "agent.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	agent, err := pipeline.New(*plan, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	r := &running{t: t, agent: agent, collector: into}
	r.stop = sync.OnceValue(func() pipeline.Ledger {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		l := agent.Ledger()
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		return l
	})
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *running) wait(n int) {
	r.t.Helper()
	natstest.Eventually(r.t, 20*time.Second, fmt.Sprintf("%d metrics", n), func() bool { return len(r.collector.sorted()) >= n })
}

// edge is the configuration of an agent that reads simulated GPUs and sends what a collector beside gets.
func edge(host, url, output string) string {
	return fmt.Sprintf(`
[agent]
http = ""
hostname = %q
interval = "10ms"
[[inputs.simulate]]
gpus = 4
processes = 1
[inputs.simulate.tags]
site = "edge.7"
[[processors.average]]
period = "100ms"
lateness = "0s"
[[processors.peak]]
period = "100ms"
lateness = "0s"
[[processors.threshold]]
[[processors.threshold.rules]]
name = "warm"
when = "power_watts > 1"
for = "0s"
tags = { alert = "warm" }
[[outputs.collector]]
samples = true
flush_interval = "50ms"
[[outputs.nats]]
url = %q
samples = true
flush_interval = "50ms"
%s
`, host, url, output)
}

func hub(url, input, output string) string {
	return fmt.Sprintf(`
[agent]
http = ""
hostname = "hub"
[[inputs.nats]]
url = %q
%s
[[outputs.collector]]
flush_interval = "50ms"
%s
`, url, input, output)
}

// delivered is the last line of a ledger, without what depends on time.
func counts(l pipeline.Ledger, output string) (delivered, dropped uint64) {
	for _, o := range l.Outputs {
		if o.Name == output {
			for _, d := range o.Drops {
				dropped += d.Count
			}
			return o.Delivered, dropped
		}
	}
	return 0, 0
}

// What an agent reads is what a hub delivers: every metric with its series, time, class, values, kinds, units,
// origin and annotations, and both ledgers are exact.
func TestFromAgentToHub(t *testing.T) {
	s := natstest.Run(t, nil)
	f := func(jetStream bool, output, input string) {
		t.Helper()
		if jetStream {
			output += "\njetstream = true\nstream = { create = true }"
			input += "\njetstream = true"
		}
		there := run(t, new(collector), hub(s.URL(), input, ""))
		if !jetStream {
			time.Sleep(300 * time.Millisecond) // it listens
		}
		here := run(t, new(collector), edge("n1.example.com", s.URL(), output))
		here.wait(2000)
		ledger := here.stop()
		want := here.collector.sorted()
		for i := range want { // a mark of the agent's windows
			want[i] = strings.Replace(want[i], " absorbed", "", 1)
		}
		slices.Sort(want)
		there.wait(len(want))
		got := there.stop()
		if diff := cmp.Diff(want, there.collector.sorted()); diff != "" {
			t.Errorf("%s: -agent +hub\n%.4000s", output, diff)
		}
		if delivered, dropped := counts(ledger, "outputs.nats"); delivered != uint64(len(want)) || dropped != 0 {
			t.Errorf("the agent: %s", ledger.String())
		}
		if want := fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%d dropped=0 queued=0 balance=ok", len(want), len(want)); got.String() != want {
			t.Errorf("the hub: %s\nwant %s", got.String(), want)
		}
		for _, has := range []string{"class=result", "class=event", "class=info", "notes=alert=warm", "origin=", ":counter:joules=", "site=edge.7", "host=n1.example.com"} {
			if !strings.Contains(strings.Join(want, "\n"), has) {
				t.Errorf("the test is too simple: no metric has %q", has)
			}
		}
		if jetStream {
			if err := s.JetStream().DeleteStream(t.Context(), "GPULINE"); err != nil {
				t.Fatal(err)
			}
		}
	}
	f(true, `encoding = "record"`, "")
	f(true, "encoding = \"record\"\ncontent_encoding = \"zstd\"\nsubject = \"gpu.{host}\"", "")
	f(false, `encoding = "record"`, "")
}

// Through line protocol and JSON, readings keep their series, time, class, values, kinds and units; the tags of
// rules have become tags.
func TestReadingsThroughOtherEncodings(t *testing.T) {
	s := natstest.Run(t, nil)
	for _, encoding := range []string{"influx", "json"} {
		there := run(t, new(collector), hub(s.URL(), "jetstream = true", ""))
		here := run(t, new(collector), strings.NewReplacer(`"power_watts > 1"`, `"power_watts > 9999"`, "processes = 1", "").Replace(
			edge("n1", s.URL(), fmt.Sprintf("encoding = %q\njetstream = true\nstream = { create = true }", encoding))))
		here.wait(1000)
		here.stop()
		clean := func(lines []string) []string {
			var all []string
			for _, line := range lines {
				line = strings.Replace(line, " absorbed", "", 1)
				line, _, _ = strings.Cut(line, " origin=")
				if strings.HasPrefix(line, "gpu,") { // others have fields that no table knows
					all = append(all, line)
				}
			}
			slices.Sort(all)
			return all
		}
		want := here.collector.sorted()
		there.wait(len(want))
		there.stop()
		if diff := cmp.Diff(clean(want), clean(there.collector.sorted())); diff != "" {
			t.Errorf("%s: -agent +hub\n%.4000s", encoding, diff)
		}
		if err := s.JetStream().DeleteStream(t.Context(), "GPULINE"); err != nil {
			t.Fatal(err)
		}
	}
}

// Hubs and servers go and come back, outputs fail: at the end the hubs have delivered all that the agents read.
func TestNothingIsLostOnTheWay(t *testing.T) {
	s := natstest.Run(t, func(o *server.Options) { o.SyncAlways = true })
	const output = "encoding = \"record\"\njetstream = true\nstream = { create = true }"
	const input = "jetstream = true\nack_wait = \"1s\""
	into := new(collector)
	var edges []*running
	for i := range 3 {
		edges = append(edges, run(t, new(collector), edge(fmt.Sprintf("n%d", i), s.URL(), output)))
	}
	first := run(t, into, hub(s.URL(), input, ""))
	edges[0].wait(500)
	into.set(fmt.Errorf("the database is down"))
	second := run(t, into, hub(s.URL(), input, ""))
	edges[0].wait(1000)
	first.stop() // with messages that it could not deliver
	s.Stop()
	edges[0].wait(1500)
	into.set(nil)
	s.Start()
	edges[0].wait(2500)
	var want []string
	for _, e := range edges {
		l := e.stop()
		if delivered, dropped := counts(l, "outputs.nats"); dropped != 0 || delivered != uint64(len(e.collector.lines)) {
			t.Errorf("an agent: %s, %d read", l.String(), len(e.collector.lines))
		}
		for _, line := range e.collector.lines {
			want = append(want, strings.Replace(line, " absorbed", "", 1))
		}
	}
	slices.Sort(want)
	third := run(t, into, hub(s.URL(), input, ""))
	distinct := func() []string { return slices.Compact(into.sorted()) }
	natstest.Eventually(t, 30*time.Second, fmt.Sprintf("%d metrics", len(want)), func() bool { return len(distinct()) >= len(want) })
	second.stop()
	third.stop()
	if diff := cmp.Diff(want, distinct()); diff != "" {
		t.Errorf("-agents +hubs\n%.4000s", diff)
	}
	t.Logf("%d metrics, %d of them twice", len(want), len(into.sorted())-len(want))
	stream, err := s.JetStream().Stream(t.Context(), "GPULINE")
	if err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, 10*time.Second, "answers to all", func() bool {
		c, err := stream.Consumer(t.Context(), "gpuline")
		return err == nil && c.CachedInfo().NumPending == 0 && c.CachedInfo().NumAckPending == 0
	})
}

// A full stream pushes back into the agents' queues, and all of it arrives once a hub makes room.
func TestFullStreamPushesBack(t *testing.T) {
	s := natstest.Run(t, nil)
	if _, err := s.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "GPULINE", Subjects: []string{"gpu.>"}, MaxMsgs: 20, Discard: jetstream.DiscardNew, Retention: jetstream.WorkQueuePolicy,
	}); err != nil {
		t.Fatal(err)
	}
	here := run(t, new(collector), edge("n1", s.URL(), "encoding = \"record\"\njetstream = true"))
	here.wait(1500)
	there := run(t, new(collector), hub(s.URL(), "jetstream = true", ""))
	natstest.Eventually(t, 20*time.Second, "the first metrics", func() bool { return len(there.collector.sorted()) > 500 })
	l := here.stop()
	want := here.collector.sorted()
	for i := range want {
		want[i] = strings.Replace(want[i], " absorbed", "", 1)
	}
	slices.Sort(want)
	there.wait(len(want))
	there.stop()
	if diff := cmp.Diff(want, there.collector.sorted()); diff != "" {
		t.Errorf("-agent +hub\n%.4000s", diff)
	}
	if delivered, dropped := counts(l, "outputs.nats"); dropped != 0 || delivered != uint64(len(want)) {
		t.Errorf("%s", l.String())
	}
}

// What an agent could not send before it ended is sent by the next one, from the queue on disk.
func TestQueueOnDiskReachesTheHub(t *testing.T) {
	s := natstest.New(t, nil)
	output := fmt.Sprintf("encoding = \"record\"\njetstream = true\nstream = { create = true }\nqueue = { disk = %q }", t.TempDir())
	text := strings.Replace(edge("n1", s.URL(), output), "[agent]", "[agent]\nshutdown_grace = \"500ms\"", 1)
	var want []string
	for i := range 3 {
		if i == 2 {
			s.Start()
		}
		here := run(t, new(collector), text)
		here.wait(300)
		here.stop()
		for _, line := range here.collector.sorted() {
			want = append(want, strings.Replace(line, " absorbed", "", 1))
		}
	}
	there := run(t, new(collector), hub(s.URL(), "jetstream = true", ""))
	last := run(t, new(collector), text) // delivers what is left
	there.wait(len(want))
	last.stop()
	for _, line := range last.collector.sorted() {
		want = append(want, strings.Replace(line, " absorbed", "", 1))
	}
	slices.Sort(want)
	there.wait(len(want))
	there.stop()
	if diff := cmp.Diff(want, there.collector.sorted()); diff != "" {
		t.Errorf("-agents +hub\n%.4000s", diff)
	}
}

// quiet checks that an agent gets nothing for longer than the ack_wait of its consumer.
func quiet(t *testing.T, r *running) {
	t.Helper()
	time.Sleep(1500 * time.Millisecond)
	if lines := r.collector.sorted(); len(lines) > 0 {
		t.Errorf("%d metrics came again", len(lines))
	}
}
