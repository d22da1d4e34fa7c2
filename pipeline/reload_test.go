package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// ticking is an input without an end: at each gather it adds one metric, numbered.
type ticking struct {
	name  string
	n     int
	opens int
}

func (g *ticking) Open(context.Context, *sdk.Env) error { g.opens++; return nil }

func (g *ticking) Gather(_ context.Context, b *sdk.Batch) error {
	g.n++
	b.Add(b.Series(g.name), int64(g.n)).Float("x", float64(g.n))
	return nil
}

// holding is a processor that holds all it has seen until the end, as a window does.
type holding struct {
	name string
	sum  float64
}

func (h *holding) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.Samples() {
		x, _ := m.Number("x")
		h.sum += x
		b.Absorb(m)
	}
	return nil
}

func (h *holding) Flush(_ context.Context, _ time.Time, final bool, b *sdk.Batch) error {
	if final {
		m := b.Add(b.Series(h.name), 1)
		m.SetClass(sdk.ClassResult)
		m.Float("sum", h.sum)
	}
	return nil
}

func TestReloadKeepsWhatIsUnchanged(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		stays, goes, comes := &ticking{name: "stays"}, &ticking{name: "goes"}, &ticking{name: "comes"}
		window, replaced, added := &holding{name: "window"}, &holding{name: "replaced"}, &holding{name: "added"}
		sink, old, fresh := &sdktest.Sink{}, &sdktest.Sink{}, &sdktest.Sink{}
		r.input(stays, replaced)
		r.input(goes).Alias = "goes"
		r.processor(window)
		r.output(sink)
		r.output(old).Alias = "old"
		p, stop := r.start()
		time.Sleep(9*time.Second + time.Millisecond) // ten gathers
		r.plan.Inputs, r.plan.Processors, r.plan.Outputs = nil, nil, nil
		r.input(stays)
		r.input(comes).Alias = "comes"
		r.processor(window)
		r.processor(added).Alias = "added"
		r.output(sink)
		r.output(fresh).Alias = "fresh"
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantLines(t, sink, "replaced sum=55 1 class=result")
		wantLines(t, old, "replaced sum=55 1 class=result")
		if old.Closes() != 1 || sink.Opens() != 1 || sink.Closes() != 0 {
			t.Errorf("the output that went was closed %d times, the one that stays opened %d times", old.Closes(), sink.Opens())
		}
		time.Sleep(5 * time.Second)
		l, err := stop()
		if err != nil {
			t.Error(err)
		}
		if stays.opens != 1 || stays.n != 15 || goes.n != 10 || comes.n != 6 {
			t.Errorf("gathers: stays %d (opened %d times), goes %d, comes %d", stays.n, stays.opens, goes.n, comes.n)
		}
		// window has 1..15 of stays, 1..10 of goes, 1..6 of comes; added has what came after the reload
		wantLines(t, sink, "replaced sum=55 1 class=result\nwindow sum=196 1 class=result\nadded sum=86 1 class=result")
		wantLines(t, fresh, "window sum=196 1 class=result\nadded sum=86 1 class=result")
		if diff := l.String(); diff != "ledger read=31 made=3 absorbed=62 delivered=6 dropped=0 queued=0 balance=ok" {
			t.Error(diff)
		}
	})
}

func TestReloadWithAFaultChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		in, sink := &ticking{name: "s"}, &sdktest.Sink{}
		r.input(in)
		r.output(sink)
		p, stop := r.start()
		time.Sleep(time.Second + time.Millisecond)
		faulty := r.plan
		faulty.Outputs = append(faulty.Outputs[:1:1], Output{Plugin: Plugin{
			Name: "broken", New: func() (any, error) { return nil, errors.New("no such option") },
		}})
		if err := p.Reload(faulty); err == nil || !strings.Contains(err.Error(), "outputs.broken: no such option") {
			t.Errorf("a faulty plan: %v", err)
		}
		time.Sleep(time.Second)
		l, _ := stop()
		r.wantLedger(l, "ledger read=3 made=0 absorbed=0 delivered=3 dropped=0 queued=0 balance=ok")
		if err := p.Reload(r.plan); !errors.Is(err, errEnding) {
			t.Errorf("reload of an agent that has ended: %v", err)
		}
	})
}

// TestManyReloads changes every part again and again under a stream, and loses and doubles nothing.
func TestManyReloads(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		stays, sink := &ticking{name: "stays"}, &sdktest.Sink{}
		kept, under := &sdktest.Sink{}, &sdktest.Stage{}
		plan := func(round int) Plan {
			r.plan.Inputs, r.plan.Processors, r.plan.Outputs = nil, nil, nil
			r.input(stays).Interval = 10 * time.Millisecond
			in := r.input(&ticking{name: fmt.Sprint("new", round)})
			in.Interval, in.Alias = 7*time.Millisecond, "new"
			pass := &sdktest.Stage{}
			for range round % 3 {
				r.processor(pass)
			}
			r.output(sink)
			r.output(kept, under).Alias = "kept"
			r.output(&sdktest.Sink{}, &sdktest.Stage{}).Alias = "new"
			return r.plan
		}
		plan(0)
		p, stop := r.start()
		for round := range 50 {
			time.Sleep(time.Duration(round) * time.Millisecond)
			if round%5 == 4 {
				bad := plan(round)
				bad.Inputs[1].New = func() (any, error) { return nil, errors.New("bad") }
				if p.Reload(bad) == nil {
					t.Error("a bad plan was taken")
				}
				continue
			}
			if err := p.Reload(plan(round)); err != nil {
				t.Fatal(err)
			}
			l := p.Ledger()
			for _, s := range l.Stages {
				if !s.Balanced() {
					t.Errorf("%s %s: %v", s.Role, s.Name, &s.Flow)
				}
			}
		}
		l, _ := stop()
		seen := 0
		for _, line := range sink.Lines() {
			if strings.HasPrefix(line, "stays") {
				if seen++; !strings.Contains(line, fmt.Sprintf(" x=%d %d", seen, seen)) {
					t.Fatalf("line %d is %s", seen, line)
				}
			}
		}
		if seen != stays.n || stays.opens != 1 {
			t.Errorf("%d of %d metrics; opened %d times", seen, stays.n, stays.opens)
		}
		var delivered uint64
		for _, o := range l.Outputs {
			delivered += o.Delivered
		}
		var read uint64
		for _, s := range l.Stages {
			if s.Role == roleInput {
				read += s.In
			}
		}
		if delivered != 3*read || len(sink.Lines()) != int(read) {
			t.Errorf("%d read, %d delivered, the sink has %d", read, delivered, len(sink.Lines()))
		}
	})
}

func TestOutputThatLeavesDeliversForTheGraceOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		down := &sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))}
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		r.output(down).Alias = "down"
		p, stop := r.start()
		time.Sleep(4*time.Second + time.Millisecond)
		r.plan.Outputs = r.plan.Outputs[:1]
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if l := p.Ledger(); l.Outputs[1].Queued != 5 {
			t.Errorf("while it drains: %+v", l.Outputs[1])
		}
		time.Sleep(2 * time.Second)
		l, _ := stop()
		if o := l.Outputs[1]; o.Name != "outputs.sink.down" || o.Queued != 0 || o.Dropped() != 5 {
			t.Errorf("after the grace: %+v", l.Outputs)
		}
	})
}

func TestStuckInputIsLeftBehindByAReload(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		free := make(chan struct{})
		stuck := sdktest.NewScript(t, sdktest.Step{Text: "late x=1 1", Do: func(context.Context) error { <-free; return nil }})
		r.input(stuck).Alias = "stuck"
		r.input(&ticking{name: "s"})
		sink := &sdktest.Sink{}
		r.output(sink)
		p, stop := r.start()
		time.Sleep(time.Second)
		r.plan.Inputs = r.plan.Inputs[1:]
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		r.wantLog("an input does not end; it is left behind", "inputs.script.stuck")
		close(free)
		time.Sleep(time.Second)
		l, err := stop()
		if err != nil || strings.Contains(strings.Join(sink.Lines(), "\n"), "late") {
			t.Errorf("%v, %v", err, sink.Lines())
		}
		if l.Check() != nil {
			t.Error(l.Check())
		}
	})
}

// TestLedgerOfAnOutputThatLeaves: what the processors under an output do at its end counts, though the graph
// that it stood in has been replaced by then.
func TestLedgerOfAnOutputThatLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink, next := &sdktest.Sink{}, &sdktest.Sink{}
		r.input(&ticking{name: "s"})
		r.output(sink, &holding{name: "window"})
		p, stop := r.start()
		time.Sleep(4*time.Second + time.Millisecond) // five gathers
		r.plan.Outputs = nil
		r.output(next)
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantLines(t, sink, "window sum=15 1 class=result")
		l, err := stop()
		if err != nil {
			t.Error(err)
		}
		r.wantLedger(l, "ledger read=6 made=1 absorbed=5 delivered=2 dropped=0 queued=0 balance=ok")
	})
}

// TestReloadTriesAgainWhatHasEnded: the operator has mended what the file does not say, such as a right.
func TestReloadTriesAgainWhatHasEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		refused := sdk.Permanent(errors.New("no right"))
		in := sdktest.NewScript(t, many(1, 1)...)
		in.OpenErrs = []error{refused}
		sink := &sdktest.Sink{OpenErrs: []error{refused}}
		recording := sdktest.NewFeed(t, many(1, 1)...)
		r.input(in).Alias = "refused"
		r.input(recording).Alias = "over"
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		r.output(sink).Alias = "refused"
		p, stop := r.start()
		time.Sleep(4*time.Second + time.Millisecond)
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if in.Opens() != 2 || sink.Opens() != 2 || len(sink.Lines()) == 0 {
			t.Errorf("opened: the input %d times, the output %d times; it has got %v", in.Opens(), sink.Opens(), sink.Lines())
		}
		if n := recording.Opens(); n != 1 {
			t.Errorf("a recording that is over was read %d times", n)
		}
		if _, err := stop(); err != nil {
			t.Errorf("nothing has failed in the end: %v", err)
		}
	})
}

func TestReloadTellsWhatItCannotChange(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		r.plan.Agent.LogFormat, r.plan.Agent.HTTP = LogJSON, "127.0.0.1:0"
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		r.wantLog("[agent] log_format", "[agent] http")
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
}
