package host_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// agent is an engine with external plugins in it.
type agent struct {
	t         *testing.T
	plan      pipeline.Plan
	log       sdktest.Buffer
	engine    *pipeline.Pipeline
	instances map[string]any
	stop      context.CancelFunc
	done      chan error
}

func newAgent(t *testing.T) *agent {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	return &agent{t: t, instances: make(map[string]any), plan: pipeline.Plan{Agent: pipeline.Agent{
		Hostname: "testhost", ShutdownGrace: 10 * time.Second,
	}}}
}

// plugin describes an instance of a test plugin as a process.
func (a *agent) plugin(role sdk.Role, name string, own, common table) pipeline.Plugin {
	i := instance(a.t, true, role, name, own, common)
	a.instances[name] = i
	return pipeline.Plugin{Name: host.Name, Alias: name, New: func() (any, error) { return i, nil }}
}

func (a *agent) input(name string, own, common table) {
	a.plan.Inputs = append(a.plan.Inputs, pipeline.Input{
		Plugin: a.plugin(sdk.RoleInput, name, own, common), Interval: 10 * time.Millisecond, Timeout: 5 * time.Second,
	})
}

func (a *agent) script(steps ...sdktest.Step) {
	feed := sdktest.NewFeed(a.t, steps...)
	feed.Offline = true
	a.plan.Inputs = append(a.plan.Inputs, pipeline.Input{
		Plugin: pipeline.Plugin{Name: "script", New: func() (any, error) { return feed, nil }}, Interval: time.Second, Timeout: time.Second,
	})
}

func (a *agent) processor(name string, own, common table) {
	a.plan.Processors = append(a.plan.Processors, pipeline.Processor{Plugin: a.plugin(sdk.RoleProcessor, name, own, common)})
}

func (a *agent) output(p pipeline.Plugin) {
	a.plan.Outputs = append(a.plan.Outputs, pipeline.Output{
		Plugin: p, Queue: pipeline.Queue{MaxBytes: 64 << 20, WhenFull: pipeline.DropOldest},
		BatchSize: 100, FlushInterval: 5 * time.Millisecond, Timeout: 5 * time.Second, Samples: true, Required: true,
	})
}

func (a *agent) sink() *sdktest.Sink {
	s := &sdktest.Sink{}
	a.output(pipeline.Plugin{Name: "sink", New: func() (any, error) { return s, nil }})
	return s
}

func (a *agent) start() {
	a.t.Helper()
	engine, err := pipeline.New(a.plan, a.log.Log())
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a.engine, a.stop, a.done = engine, stop, make(chan error, 1)
	go func() { a.done <- engine.Run(ctx) }()
	a.t.Cleanup(func() {
		if a.t.Failed() {
			a.t.Logf("%.6000s", a.log.String())
		}
	})
}

// end waits for the end, or asks for it, and checks the ledger.
func (a *agent) end(ask bool) pipeline.Ledger {
	a.t.Helper()
	if ask {
		a.stop()
	}
	defer a.stop()
	select {
	case err := <-a.done:
		if err != nil {
			a.t.Error(err)
		}
	case <-time.After(60 * time.Second):
		a.t.Fatal("the agent does not end")
	}
	l := a.engine.Ledger()
	if err := l.Check(); err != nil {
		a.t.Error(err)
	}
	if !strings.HasSuffix(l.String(), "balance=ok") {
		a.t.Error(l.String())
	}
	return l
}

// kill sends a signal to the process of a plugin; it waits until there is one.
func (a *agent) kill(name string, s syscall.Signal) {
	a.t.Helper()
	eventually(a.t, func() string {
		if pid := host.PID(a.instances[name]); pid != 0 && syscall.Kill(pid, s) == nil {
			return ""
		}
		return "no process of " + name
	})
}

// rounds is how often a fault is brought about.
func rounds(short, long int) int {
	if faults {
		return long
	}
	return short
}

// samples makes steps of so many rows each.
func samples(steps, rows int, pause time.Duration) []sdktest.Step {
	var list []sdktest.Step
	for i := range steps {
		var text strings.Builder
		for j := range rows {
			fmt.Fprintf(&text, "a,k=%d x=%d %d\n", j%5, j, i*1000+j+1)
		}
		list = append(list, sdktest.Step{Text: text.String(), Do: func(ctx context.Context) error {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			return nil
		}})
	}
	return list
}

// TestProcessorKilled kills a processor again and again in the middle of batches: nothing is lost, and the
// ledger is exact.
func TestProcessorKilled(t *testing.T) {
	a := newAgent(t)
	n := rounds(8, 100)
	a.script(samples(20*n, 50, 2*time.Millisecond)...)
	a.processor("double", nil, nil)
	sink := a.sink()
	a.start()
	for range n {
		a.kill("double", syscall.SIGKILL)
		time.Sleep(20 * time.Millisecond)
	}
	l := a.end(false)
	if got := len(slices.DeleteFunc(sink.Lines(), func(line string) bool { return !strings.HasPrefix(line, "a,") })); got != 20*n*50 {
		t.Errorf("%d samples have arrived of %d: %s", got, 20*n*50, l.String())
	}
}

// TestOutputKilled kills an output: every batch is written, at least once.
func TestOutputKilled(t *testing.T) {
	a := newAgent(t)
	n := rounds(8, 100)
	path := filepath.Join(t.TempDir(), "lines")
	a.script(samples(20*n, 10, 2*time.Millisecond)...)
	a.output(a.plugin(sdk.RoleOutput, "file", table{"path": path}, nil))
	a.start()
	for range n {
		a.kill("file", syscall.SIGKILL)
		time.Sleep(30 * time.Millisecond)
	}
	l := a.end(false)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, line := range sdktest.Lines(string(text)) {
		got[line] = true
	}
	lost := l.Outputs[0].Dropped()
	if len(got)+int(lost) < 20*n*10 {
		t.Errorf("%d different lines have arrived of %d: %s", len(got), 20*n*10, l.String())
	}
	if lost > 0 {
		t.Logf("%d were put aside: the plugin was killed twice over them", lost)
	}
}

// TestInputKilled kills an input that wants acks: what was acknowledged has arrived, and all that it can
// read arrives in the end.
func TestInputKilled(t *testing.T) {
	a := newAgent(t)
	n := rounds(8, 100)
	count := int64(300 * n)
	journal := filepath.Join(t.TempDir(), "journal")
	a.input("feed", table{"count": count, "journal": journal}, nil)
	sink := a.sink()
	a.start()
	for range n {
		a.kill("feed", syscall.SIGKILL)
		time.Sleep(30 * time.Millisecond)
	}
	a.end(false)
	got := make(map[int64]bool)
	for _, line := range sink.Lines() {
		var value int64
		if _, err := fmt.Sscanf(line, "feed,host=testhost n=%di", &value); err != nil {
			t.Fatal(line, err)
		}
		got[value] = true
	}
	if int64(len(got)) != count {
		t.Errorf("%d of %d have arrived", len(got), count)
	}
	host.Settle(t.Context())
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	acked := make(map[int64]bool)
	for _, line := range sdktest.Lines(string(text)) {
		var value int64
		fmt.Sscan(line, &value)
		acked[value] = true
		if !got[value] {
			t.Errorf("%d was acknowledged and has not arrived", value)
		}
	}
	if len(acked) != len(got) {
		t.Errorf("%d acknowledged, %d arrived", len(acked), len(got))
	}
}

// TestStopped stops a plugin with SIGSTOP: it is replaced, and nobody waits longer than the deadline.
func TestStopped(t *testing.T) {
	a := newAgent(t)
	hang := table{"hang_timeout": "500ms", "deadline": "100ms"}
	a.script(samples(100, 10, 10*time.Millisecond)...)
	a.processor("double", nil, hang)
	sink := a.sink()
	a.start()
	a.kill("double", syscall.SIGSTOP)
	first := host.PID(a.instances["double"])
	eventually(t, func() string {
		if pid := host.PID(a.instances["double"]); pid == 0 || pid == first {
			return "it is not replaced"
		}
		return ""
	})
	l := a.end(false)
	if !strings.Contains(a.log.String(), "no sign of life") {
		t.Error("the log does not say why")
	}
	if got := sink.Lines(); len(got) < 1000 {
		t.Errorf("%d lines: %s", len(got), l.String())
	}
}

// TestAllocates: a plugin that allocates without end is restarted before it harms the host, as is one that has
// others allocate.
func TestAllocates(t *testing.T) {
	for _, how := range []string{"alloc", "spawn"} {
		t.Run(how, func(t *testing.T) { testAllocates(t, how) })
	}
}

func testAllocates(t *testing.T, how string) {
	a := newAgent(t)
	once := filepath.Join(t.TempDir(), "once")
	a.input("ticks", table{"misdeed": table{"do": how, "when": int64(3), "once": once}}, table{"max_memory": "200MiB"})
	sink := a.sink()
	a.start()
	eventually(t, func() string {
		if !strings.Contains(a.log.String(), "more than `max_memory` allows (200 MiB)") {
			return "it is not noticed"
		}
		return ""
	})
	before := sink.Calls()
	eventually(t, func() string {
		if sink.Calls() < before+3 {
			return "it does not go on"
		}
		return ""
	})
	a.end(true)
}

// TestHangs: a call that never returns.
func TestHangs(t *testing.T) {
	a := newAgent(t)
	once := filepath.Join(t.TempDir(), "once")
	a.script(samples(200, 10, 2*time.Millisecond)...)
	a.processor("double", table{"misdeed": table{"do": "hang", "when": int64(5), "once": once}}, table{"deadline": "50ms", "on_fault": "drop"})
	sink := a.sink()
	a.start()
	l := a.end(false)
	// The plugin gets hangGrace to come back, so the rest of the stream is dropped.
	var drops uint64
	for _, s := range l.Stages {
		for _, d := range s.Drops {
			if d.Reason == host.DropFault {
				drops += d.Count
			}
		}
	}
	got := 0
	for _, line := range sink.Lines() {
		if strings.HasPrefix(line, "a,") {
			got++
		}
	}
	if drops == 0 || got+int(drops) != 2000 {
		t.Errorf("%d lines and %d dropped of 2000: %s", got, drops, l.String())
	}
}

// TestProgramThatIsNotTheOne: while the program is another than the one that is pinned, on_fault says what becomes
// of the metrics that the processor sees.
func TestProgramThatIsNotTheOne(t *testing.T) {
	f := func(onFault string, lines, dropped int) {
		t.Helper()
		a := newAgent(t)
		a.script(sdktest.Step{Text: "a x=1 1\na x=2 2\nb x=3 3\n"})
		a.processor("double", nil, table{"sha256": strings.Repeat("0", 64), "on_fault": onFault})
		a.plan.Processors[0].Filter = pipeline.Filter{Metrics: []string{"a"}}
		sink := a.sink()
		a.start()
		l := a.end(false)
		want := fmt.Sprintf("delivered=%d dropped=%d", lines, dropped)
		if got := l.String(); len(sink.Lines()) != lines || !strings.Contains(got, want) {
			t.Errorf("%s: %d lines, %s; want %s", onFault, len(sink.Lines()), got, want)
		}
		if !strings.Contains(a.log.String(), "not the one that `sha256` pins") {
			t.Errorf("%s: the log does not say why", onFault)
		}
		if says := strings.Contains(a.log.String(), "metrics pass it by"); says != (dropped == 0) {
			t.Errorf("%s: that metrics pass it by is in the log: %t", onFault, says)
		}
	}
	f("pass", 3, 0)
	f("drop", 1, 2)
}

// TestPanics: a panic is reported and costs the instance, not the agent.
func TestPanics(t *testing.T) {
	a := newAgent(t)
	a.input("ticks", table{"misdeed": table{"do": "panic", "when": int64(3)}}, nil)
	sink := a.sink()
	a.start()
	eventually(t, func() string {
		if sink.Calls() < 5 || !strings.Contains(a.log.String(), "plugin panicked") || !strings.Contains(a.log.String(), "the plugin has failed; it will be restarted") {
			return "no panic in the log"
		}
		return ""
	})
	a.end(true)
}

// TestDeadLetters: a batch over which an output crashes twice is put aside, and the others go on.
func TestDeadLetters(t *testing.T) {
	f := func(name string, keys table, dead, dropped uint64) {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t)
			a.script(samples(3, 10, 50*time.Millisecond)...)
			dir := t.TempDir()
			once := table{"do": "exit", "when": int64(1)}
			common := table{}
			maps.Copy(common, keys)
			if dead > 0 {
				common["dead_letter"] = filepath.Join(dir, "dead")
			}
			a.output(a.plugin(sdk.RoleOutput, "file", table{"path": filepath.Join(dir, "lines"), "misdeed": once}, common))
			a.plan.Outputs[0].BatchSize, a.plan.Outputs[0].FlushInterval = 100, 300*time.Millisecond
			a.start()
			o := a.end(false).Outputs[0]
			if o.DeadLettered != dead || o.Dropped() != dropped || o.Offered != 30 {
				t.Errorf("%+v", o)
			}
		})
	}
	f("put aside", nil, 30, 0)
	f("dropped", nil, 0, 30)
}

// TestRestarts: goroutines and files stay as many as they were.
func TestRestarts(t *testing.T) {
	folders := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", folders)
	i := instance(t, true, sdk.RoleInput, "ticks", nil, nil)
	env := opened(t, i)
	b := sdk.NewBatch(env.Catalog)
	again := func() {
		pid := host.PID(i)
		if pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		eventually(t, func() string {
			if now := host.PID(i); now == 0 || now == pid {
				return "it is not restarted"
			}
			return ""
		})
		b.Reset()
		if err := i.(sdk.Gatherer).Gather(t.Context(), b); err != nil {
			t.Log(err)
		}
	}
	for range 3 {
		again()
	}
	goroutines, files := count(t)
	for range rounds(15, 200) {
		again()
	}
	eventually(t, func() string {
		g, f := count(t)
		if g > goroutines+3 || f > files+3 {
			return fmt.Sprintf("%d goroutines and %d files have become %d and %d", goroutines, files, g, f)
		}
		return ""
	})
	if left, _ := filepath.Glob(filepath.Join(folders, "*")); len(left) > 1 {
		t.Errorf("folders are left behind: %v", left)
	}
}
