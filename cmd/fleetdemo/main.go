// Command fleetdemo shows a fleet in one process: a JetStream cluster of three servers, agents that read simulated GPUs
// and publish what their windows make of them, and a hub that takes it from the stream and shows it in a table.
// One server is stopped and started again, now and then, which is said below the table. Ctrl-C ends it: edges first,
// then the hub. Then each says its ledger, and the last line whether all has arrived.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/outputs/nats/natstest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

const edgeTOML = `
[agent]
http = ""
hostname = "edge-%d"
interval = "100ms"
[[inputs.simulate]]
gpus = %d
seed = %d
[[processors.average]]
period = "5s"
[[processors.peak]]
period = "5s"
above = { utilization_ratio = 0.8 }
[[outputs.nats]]
urls = [%s]
jetstream = true
subject = "gpu.{host}"
encoding = "record"
content_encoding = "zstd"
flush_interval = "1s"
stream = { create = true, subjects = ["gpu.>"], replicas = 3, max_age = "1h", max_bytes = "64MB" }
`

const hubTOML = `
[agent]
hostname = "hub"
http = "127.0.0.1:9445"
[[inputs.news]]
[[inputs.nats]]
urls = [%s]
jetstream = true
stream = "GPULINE"
[[outputs.stdout]]
format = "table"
flush_interval = "1s"
required = true
[[outputs.prometheus]]
`

func main() {
	edges := flag.Int("edges", 4, "agents")
	gpus := flag.Int("gpus", 2, "GPUs of each")
	trouble := flag.Duration("trouble", 20*time.Second, "time between stops of a server; 0s for none")
	length := flag.Duration("for", 0, "end after so long; 0s for Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	if err := run(ctx, *edges, *gpus, *trouble); err != nil {
		fmt.Fprintln(os.Stderr, "fleet-demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, edges, gpus int, trouble time.Duration) error {
	h := &host{ctx: context.Background()}
	defer h.end()
	fmt.Fprintln(os.Stderr, "fleet-demo: three NATS servers are started, and a stream on them")
	servers := natstest.Cluster(h, 3)
	var urls []string
	for _, s := range servers {
		urls = append(urls, fmt.Sprintf("%q", s.URL()))
	}
	list := strings.Join(urls, ", ")
	told := make(news, 16)
	told.say(fmt.Sprintf("%d agents with %d simulated GPUs each publish to three NATS servers; this is the table of a hub that reads there", edges, gpus))
	if trouble > 0 {
		told.say(fmt.Sprintf("each %v one of the servers is stopped for half of that time: nothing is lost; Ctrl-C ends it", trouble))
	}
	log, err := logFile(h)
	if err != nil {
		return err
	}
	var agents []*agent
	for i := range edges {
		a, err := start(fmt.Sprintf("edge-%d", i), fmt.Sprintf(edgeTOML, i, gpus, i+1, list), log)
		if err != nil {
			return err
		}
		agents = append(agents, a)
		if i == 0 {
			a.delivers(ctx)
		}
	}
	hub, err := start("hub", fmt.Sprintf(hubTOML, list), log, told.definition())
	if err != nil {
		return err
	}
	makeTrouble(ctx, servers, trouble, told)
	var all []error
	for _, a := range agents {
		all = append(all, a.end())
	}
	sent := delivered(agents)
	for end := time.Now().Add(20 * time.Second); hub.read() < sent && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	all = append(all, hub.end())
	fmt.Fprintln(os.Stderr)
	for _, a := range append(agents, hub) {
		l := a.p.Ledger()
		fmt.Fprintf(os.Stderr, "%-8s %s\n", a.name, l.String())
	}
	fmt.Fprintf(os.Stderr, "the agents delivered %d metrics to the stream, and the hub read %d there\n", sent, hub.read())
	return errors.Join(all...)
}

// logFile returns where the agents' logs go: not onto the table.
func logFile(h *host) (io.Writer, error) {
	info, err := os.Stdout.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the standard output: %w", err)
	}
	if info.Mode()&os.ModeCharDevice == 0 { // no terminal
		return os.Stderr, nil
	}
	file, err := os.CreateTemp("", "fleet-demo-*.log")
	if err != nil {
		return nil, fmt.Errorf("make a file for logs: %w", err)
	}
	h.Cleanup(func() {
		_ = file.Close()
		fmt.Fprintln(os.Stderr, "what they logged is in", file.Name())
	})
	return file, nil
}

// makeTrouble stops a server now and then, and starts it again, until ctx ends.
func makeTrouble(ctx context.Context, servers []*natstest.Server, every time.Duration, told news) {
	if every <= 0 {
		<-ctx.Done()
		return
	}
	for i := 0; ; i++ {
		s := servers[i%len(servers)]
		if !clock.Sleep(ctx, every) {
			return
		}
		told.say(s.Name() + " is stopped")
		s.Stop()
		again := clock.Sleep(ctx, every/2)
		s.Start()
		told.say(s.Name() + " is started again")
		if !again {
			return
		}
	}
}

// agent is one at work.
type agent struct {
	name string
	p    *pipeline.Pipeline
	stop context.CancelFunc
	done chan error
}

func start(name, text string, to io.Writer, more ...sdk.Definition) (*agent, error) {
	plan, err := conf.Parse(append(all.Plugins(), more...), name+".toml", []byte(text))
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelWarn})).With("agent", name)
	p, err := pipeline.New(*plan, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{name: name, p: p, stop: cancel, done: make(chan error, 1)}
	go func() { a.done <- p.Run(ctx) }()
	return a, nil
}

// delivers waits until the agent has delivered something, so that the stream is there for those that come after it.
func (a *agent) delivers(ctx context.Context) {
	for {
		if delivered([]*agent{a}) > 0 || !clock.Sleep(ctx, 50*time.Millisecond) {
			return
		}
	}
}

// delivered returns how many metrics the first outputs of agents have delivered.
func delivered(agents []*agent) (n uint64) {
	for _, a := range agents {
		if l := a.p.Ledger(); len(l.Outputs) > 0 {
			n += l.Outputs[0].Delivered
		}
	}
	return n
}

// read returns how many metrics the hub has read from the stream.
func (a *agent) read() (n uint64) {
	l := a.p.Ledger()
	for i := range l.Stages {
		if s := &l.Stages[i]; s.Name == "inputs.nats" {
			n += s.In
		}
	}
	return n
}

func (a *agent) end() error {
	a.stop()
	err := <-a.done
	l := a.p.Ledger()
	return errors.Join(err, l.Check())
}

// host is what natstest asks of a test.
type host struct {
	ctx      context.Context
	cleanups []func()
}

func (h *host) Helper() {}

func (h *host) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, append([]any{"fleet-demo:"}, args...)...)
	h.end()
	os.Exit(1)
}

func (h *host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }

func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp("", "fleet-demo-")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *host) Context() context.Context { return h.ctx }

func (h *host) end() {
	for i := len(h.cleanups) - 1; i >= 0; i-- {
		h.cleanups[i]()
	}
	h.cleanups = nil
}
