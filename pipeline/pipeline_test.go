package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMetricsReachEveryOutput(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		a, b := &sdktest.Sink{}, &sdktest.Sink{}
		r.plan.Agent.Tags = []sdk.Tag{{Key: "site", Value: "edge"}}
		r.input(sdktest.NewScript(t, steps("s,i=1 x=1 10", "s,i=2,site=own x=2 20")...)).Tags = []sdk.Tag{{Key: "rack", Value: "7"}}
		r.output(a)
		r.output(b)
		l := r.run()
		want := `
			s,host=h,i=1,rack=7,site=edge x=1 10
			s,host=h,i=2,rack=7,site=own x=2 20`
		wantLines(t, a, want)
		wantLines(t, b, want)
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=4 dropped=0 queued=0 balance=ok")
		if a.Opens() != 1 || a.Closes() != 1 {
			t.Errorf("output opened %d times, closed %d times", a.Opens(), a.Closes())
		}
	})
}

func TestProcessorsLiveWhereTheyAreWritten(t *testing.T) {
	add := func(field string) *sdktest.Stage {
		return &sdktest.Stage{Do: func(_ context.Context, b *sdk.Batch) error {
			for m := range b.Samples() {
				m.Float(field, 1)
			}
			return nil
		}}
	}
	inBubble(t, func(t *testing.T, r *rig) {
		one, two := &sdktest.Sink{}, &sdktest.Sink{}
		r.input(sdktest.NewScript(t, steps("a x=0 10")...), add("under_input"))
		r.input(sdktest.NewScript(t, steps("b x=0 10")...)).Jitter = 0
		r.processor(add("first"))
		r.processor(add("second"))
		r.output(one, add("under_output"))
		r.output(two)
		l := r.run()
		sortLines := func(s *sdktest.Sink) string { return fmt.Sprint(s.Lines()) }
		for _, want := range []string{"a,host=h x=0,under_input=1,first=1,second=1 10", "b,host=h x=0,first=1,second=1 10"} {
			if !strings.Contains(sortLines(two), want) {
				t.Errorf("%q is not among %s", want, sortLines(two))
			}
		}
		for _, want := range []string{"a,host=h x=0,under_input=1,first=1,second=1,under_output=1 10", "b,host=h x=0,first=1,second=1,under_output=1 10"} {
			if !strings.Contains(sortLines(one), want) {
				t.Errorf("%q is not among %s", want, sortLines(one))
			}
		}
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=4 dropped=0 queued=0 balance=ok")
	})
}

func TestAbsorbedSamplesAreLeftOutUnlessAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		results, everything := &sdktest.Sink{}, &sdktest.Sink{}
		r.input(sdktest.NewScript(t, steps("s x=1 10\ns x=2 20\nt y=3 20")...))
		r.processor(mark("mean"))
		r.processor(mark("max"))
		r.output(results)
		r.output(everything).Samples = true
		l := r.run()
		wantLines(t, results, `
			s,host=h,window=1s x_mean=1,x_max=1 10 class=result origin=s,host=h
			s,host=h,window=1s x_mean=2,x_max=2 20 class=result origin=s,host=h
			t,host=h y=3 20`)
		if n := len(everything.Lines()); n != 5 {
			t.Errorf("samples = true: %d lines", n)
		}
		r.wantLedger(l, "ledger read=3 made=2 absorbed=2 delivered=8 dropped=0 queued=0 balance=ok")
	})
}

// TestWhatNoWindowReadsPasses hides fields from windows: what all of them hide of a row goes on as a sample.
func TestWhatNoWindowReadsPasses(t *testing.T) {
	f := func(ledger, want string, filters ...Filter) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			results, narrow, everything := &sdktest.Sink{}, &sdktest.Sink{}, &sdktest.Sink{}
			r.input(sdktest.NewScript(t, steps("s x=1,y=2,z=3 10")...))
			for i, filter := range filters {
				r.processor(mark(fmt.Sprint(i))).Filter = filter
			}
			r.output(results)
			r.output(narrow).Filter = Filter{Fields: []string{"x*"}}
			r.output(everything).Samples = true
			l := r.run()
			wantLines(t, results, want)
			for _, line := range narrow.Lines() {
				if strings.Contains(line, "y=") || strings.Contains(line, "z=") {
					t.Errorf("a field that the output hides: %s", line)
				}
			}
			if text := strings.Join(everything.Lines(), " "); !strings.Contains(text, "x=1,y=2,z=3") {
				t.Errorf("samples = true: %s", text)
			}
			r.wantLedger(l, ledger)
		})
	}
	x, xy := Filter{Fields: []string{"x"}}, Filter{Fields: []string{"x", "y"}}
	f("ledger read=1 made=1 absorbed=2 delivered=4 dropped=0 queued=0 balance=ok",
		"s,host=h,window=1s x_0=1 10 class=result origin=s,host=h", Filter{})
	f("ledger read=1 made=1 absorbed=0 delivered=5 dropped=0 filtered=1 queued=0 balance=ok", `
		s,host=h y=2,z=3 10
		s,host=h,window=1s x_0=1 10 class=result origin=s,host=h`, x)
	f("ledger read=1 made=1 absorbed=0 delivered=5 dropped=0 filtered=1 queued=0 balance=ok", `
		s,host=h z=3 10
		s,host=h,window=1s x_0=1,x_1=1 10 class=result origin=s,host=h`, x, xy)
	f("ledger read=1 made=1 absorbed=2 delivered=4 dropped=0 queued=0 balance=ok",
		"s,host=h,window=1s x_0=1,x_1=1 10 class=result origin=s,host=h", x, Filter{})
}

func TestConflictsOfMergedResultsAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		twice := func(_ context.Context, b *sdk.Batch) error {
			for m := range b.Samples() {
				x, _ := m.Number("x")
				for i := range 2 {
					made := b.Add(m.Series(), m.Time())
					made.SetOrigin(m.Series())
					made.Float("same", x)
					made.Float("other", float64(i))
				}
				b.Absorb(m)
			}
			return nil
		}
		r.input(sdktest.NewScript(t, steps("s x=1 10")...))
		r.processor(&sdktest.Stage{Do: twice})
		r.output(sink)
		p, err := New(r.plan, newTextLog(&r.log))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.balanced(p)
		wantLines(t, sink, "s,host=h same=1,other=0 10 class=result")
		for total := range p.Totals() {
			if total.Name == "gpuline_merge_conflicts_total" && total.Value == 1 {
				return
			}
		}
		t.Error("no conflict was counted")
	})
}

func TestFilters(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		in := r.input(sdktest.NewScript(t, steps("gpu,i=0 x=1,y=2,z=3 10\ngpu,i=1 x=1,y=2 10\ncpu x=1 10\ngpu,i=0 z=1 11")...))
		in.Filter = Filter{Metrics: []string{"g*"}, Fields: []string{"!z"}}
		p := r.processor(mark("mean"))
		p.Filter = Filter{Tags: map[string][]string{"i": {"0"}}}
		out := r.output(sink)
		out.Filter = Filter{Fields: []string{"x*"}}
		l := r.run()
		wantLines(t, sink, `
			gpu,host=h,i=0,window=1s x_mean=1 10 class=result origin=gpu,host=h,i=0
			gpu,host=h,i=1 x=1 10`)
		r.wantLedger(l, "ledger read=4 made=1 absorbed=1 delivered=2 dropped=0 filtered=2 queued=0 balance=ok")
	})
}

func TestGlobs(t *testing.T) {
	f := func(list, name string, want bool) {
		t.Helper()
		if got := newGlobs(strings.Fields(list)).pass(name); got != want {
			t.Errorf("%q passes %q: %v", list, name, got)
		}
	}
	f("", "anything", true)
	f("gpu", "gpu", true)
	f("gpu", "gpu_process", false)
	f("gpu*", "gpu_process", true)
	f("*_max *_mean", "power_mean", true)
	f("*_max *_mean", "power", false)
	f("!gpu_*", "gpu", true)
	f("!gpu_*", "gpu_event", false)
	f("gpu* !gpu_process", "gpu_process", false)
	f("g?u", "gpu", true)
	f("g?u", "gu", false)
	f("*a*b*c", "xaxbxc", true)
	f("*a*b*c", "xaxbx", false)
	f("[a]", "[a]", true)
}

func TestPanics(t *testing.T) {
	boom := func(context.Context) error { panic("boom") }
	inBubble(t, func(t *testing.T, r *rig) {
		in, sink := sdktest.NewScript(t, sdktest.Step{Text: "s x=1 10"}, sdktest.Step{Text: "s x=2 20", Do: boom}, sdktest.Step{Text: "s x=3 30"}), &sdktest.Sink{}
		r.input(in)
		r.output(sink)
		l := r.run()
		wantLines(t, sink, "s,host=h x=1 10\ns,host=h x=3 30")
		r.wantLedger(l, "ledger read=3 made=0 absorbed=0 delivered=2 dropped=1 queued=0 balance=ok")
		r.wantLog("plugin panicked", "inputs.script", "boom")
		if in.Opens() != 2 || in.Closes() != 2 {
			t.Errorf("opened %d times, closed %d times", in.Opens(), in.Closes())
		}
	})
	inBubble(t, func(t *testing.T, r *rig) {
		sink, calls := &sdktest.Sink{}, 0
		stage := &sdktest.Stage{Do: func(_ context.Context, b *sdk.Batch) error {
			for m := range b.Samples() {
				b.Add(m.Series(), m.Time())
				if calls++; calls == 2 {
					panic("boom")
				}
			}
			return nil
		}}
		r.input(sdktest.NewScript(t, steps("s x=1 10", "s x=2 20\ns x=2 21", "s x=3 30", "s x=4 40", "s x=5 50")...))
		r.processor(stage)
		r.output(sink)
		l := r.run()
		if got := l.Stages[1].Drops; len(got) != 1 || got[0] != (sdk.Drop{Reason: sdk.DropPanic, Count: 3}) {
			t.Errorf("drops %v", got)
		}
		r.wantLog("plugin panicked", "processors.stage")
	})
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{Do: func(_ context.Context, call int, _ *sdk.Batch) error {
			if call == 1 {
				panic("boom")
			}
			return nil
		}}
		r.input(sdktest.NewScript(t, steps("s x=1 10", "s x=2 20")...))
		r.output(sink)
		l := r.run()
		wantLines(t, sink, "s,host=h x=2 20")
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=1 dropped=1 queued=0 balance=ok")
	})
}

// rash is a Reader whose Acks panic.
type rash struct{ n int64 }

func (r *rash) Read(_ context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if r.n++; r.n > 3 {
		return nil, sdk.ErrEnd
	}
	b.Add(b.Series("s"), r.n).Float("x", 1)
	return func(error) { panic("boom") }, nil
}

func TestPanicInAnAck(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(&rash{})
		r.output(&sdktest.Sink{})
		l := r.run()
		r.wantLedger(l, "ledger read=3 made=0 absorbed=0 delivered=3 dropped=0 queued=0 balance=ok")
		r.wantLog("plugin panicked in an Ack", "inputs.script", "boom")
	})
}

func TestOutputThatIsDownLosesNothing(t *testing.T) {
	down := errors.New("connection refused")
	inBubble(t, func(t *testing.T, r *rig) {
		late, well := &sdktest.Sink{OpenErrs: []error{down, down, down}, Do: sdktest.FailTimes(4, down)}, &sdktest.Sink{}
		r.input(sdktest.NewScript(t, steps("s x=1 10", "s x=2 20", "s x=3 30", "s x=4 40")...))
		r.output(late)
		r.output(well)
		l := r.run()
		want := "s,host=h x=1 10\ns,host=h x=2 20\ns,host=h x=3 30\ns,host=h x=4 40"
		wantLines(t, late, want)
		wantLines(t, well, want)
		r.wantLedger(l, "ledger read=4 made=0 absorbed=0 delivered=8 dropped=0 queued=0 balance=ok")
		r.wantLog("output cannot start; it will be tried again", "connection refused", "started after all", "write failed; it will be tried again", "works again")
	})
}

func TestRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{Do: sdktest.Reject("x=2", errors.New("type conflict"))}
		r.input(sdktest.NewScript(t, steps("s x=1 10\ns x=2 20\ns x=3 30")...))
		r.output(sink)
		l := r.run()
		wantLines(t, sink, "s,host=h x=1 10\ns,host=h x=3 30")
		r.wantLedger(l, "ledger read=3 made=0 absorbed=0 delivered=2 dropped=1 queued=0 balance=ok")
	})
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{Do: sdktest.FailTimes(1, fmt.Errorf("unusable: %w", sdk.ErrPermanent))}
		r.input(sdktest.NewScript(t, steps("s x=1 10", "s x=2 20")...))
		r.output(sink)
		r.wantLedger(r.run(), "ledger read=2 made=0 absorbed=0 delivered=1 dropped=1 queued=0 balance=ok")
	})
	inBubble(t, func(t *testing.T, r *rig) {
		option := errors.New("no such option")
		sink := &sdktest.Sink{OpenErrs: []error{sdk.Permanent(option)}}
		r.input(sdktest.NewFeed(t, steps("s x=1 10", "s x=2 20")...))
		r.output(sink)
		r.output(&sdktest.Sink{})
		l, err := r.runErr()
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=2 dropped=2 queued=0 balance=ok")
		if !errors.Is(err, option) {
			t.Errorf("Run returned %v", err)
		}
	})
	inBubble(t, func(t *testing.T, r *rig) { // nobody to deliver to
		option := errors.New("no such option")
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		r.output(&sdktest.Sink{OpenErrs: []error{sdk.Permanent(option)}})
		l, err := r.runErr()
		if n := l.Stages[0].In; n > 2 || !errors.Is(err, option) {
			t.Errorf("Run read %d metrics and returned %v", n, err)
		}
	})
	inBubble(t, func(t *testing.T, r *rig) { // a reader that has gone ends its output alone
		gone, well := &sdktest.Sink{Do: sdktest.FailTimes(1, sdk.Ended(errors.New("broken pipe")))}, &sdktest.Sink{}
		r.input(sdktest.NewFeed(t, many(3, 1)...))
		r.output(gone)
		r.output(well)
		r.wantLedger(r.run(), "ledger read=3 made=0 absorbed=0 delivered=3 dropped=3 queued=0 balance=ok")
		if gone.Calls() != 1 {
			t.Errorf("an output that has ended was called %d times", gone.Calls())
		}
	})
	inBubble(t, func(t *testing.T, r *rig) { // and the agent with the last of them
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		r.output(&sdktest.Sink{Do: sdktest.FailTimes(1, sdk.Ended(errors.New("broken pipe")))})
		r.output(&sdktest.Sink{Do: func(_ context.Context, call int, _ *sdk.Batch) error {
			if call == 3 {
				return sdk.Ended(errors.New("broken pipe"))
			}
			return nil
		}})
		l := r.run()
		if n := l.Stages[0].In; n < 3 || n > 5 {
			t.Errorf("it went on to read %d metrics", n)
		}
	})
	inBubble(t, func(t *testing.T, r *rig) {
		sink, start := &sdktest.Sink{}, time.Now()
		sink.Do = func(context.Context, int, *sdk.Batch) error {
			if time.Since(start) < 42*time.Second {
				return &sdk.RetryError{After: 42 * time.Second, Err: errors.New("429")}
			}
			return nil
		}
		r.input(sdktest.NewScript(t, steps("s x=1 10")...))
		r.output(sink)
		r.plan.Agent.ShutdownGrace = time.Minute
		r.run()
		if sink.Calls() != 2 {
			t.Errorf("Retry-After was not followed: %d calls", sink.Calls())
		}
	})
}

// many returns n steps of rows lines each.
func many(n, rows int) []sdktest.Step {
	var all []sdktest.Step
	for i := range n {
		var b strings.Builder
		for j := range rows {
			fmt.Fprintf(&b, "s x=%d %d\n", i, i*rows+j+1)
		}
		all = append(all, sdktest.Step{Text: b.String()})
	}
	return all
}

func TestReaderAtFullSpeedLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		feed, slow, fast := sdktest.NewFeed(t, many(200, 50)...), &sdktest.Sink{}, &sdktest.Sink{}
		slow.Do = func(context.Context, int, *sdk.Batch) error { time.Sleep(time.Second); return nil }
		r.input(feed)
		out := r.output(slow)
		out.Queue.MaxBytes, out.BatchSize = 100_000, 100
		r.output(fast).Required = false
		l := r.run()
		r.wantLedger(l, "ledger read=10000 made=0 absorbed=0 delivered=20000 dropped=0 queued=0 balance=ok")
		if len(feed.Acks()) != 200 {
			t.Errorf("%d acks for 200 batches", len(feed.Acks()))
		}
		for _, a := range feed.Acks() {
			if a.Err != nil {
				t.Errorf("step %d: %v", a.Step, a.Err)
			}
		}
	})
}

// ticker is a live input: a row each second, for as long as it is read.
type ticker struct{ n int64 }

func (*ticker) Live() bool { return true }

func (x *ticker) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if !clock.Sleep(ctx, time.Second) {
		return nil, ctx.Err()
	}
	x.n++
	b.Add(b.Series("s", sdk.Tag{Key: "pad", Value: strings.Repeat("x", 100)}), x.n).Int("x", x.n)
	return nil, nil
}

// TestLiveReaderIsNotHeldUp holds that an output that is down fills its own queue, and that what is read
// meanwhile reaches the others.
func TestLiveReaderIsNotHeldUp(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		good := &sdktest.Sink{}
		r.input(new(ticker))
		down := r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))})
		down.Queue.MaxBytes, down.BatchSize = 20_000, 10
		r.output(good)
		_, stop := r.start()
		time.Sleep(time.Hour + time.Second/2)
		l, _ := stop()
		if n := len(good.Lines()); n != 3600 {
			t.Errorf("%d rows of an hour arrived", n)
		}
		if o := l.Outputs[0]; o.Offered != 3600 || o.Delivered != 0 || o.Dropped() != 3600 || o.Drops[0].Reason != sdk.DropQueueFull {
			t.Errorf("%+v", o)
		}
	})
}

func TestAckWaitsForRequiredOutputsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		free := make(chan struct{})
		hung := &sdktest.Sink{Do: sdktest.Block(free)}
		feed := sdktest.NewFeed(t, steps("s x=1 10", "s x=2 20")...)
		idle := sdktest.Step{Do: func(ctx context.Context) error { <-ctx.Done(); return sdk.ErrNoData }}
		r.input(feed)
		r.input(sdktest.NewScript(t, idle))
		r.output(&sdktest.Sink{})
		r.output(hung).Required = false
		_, stop := r.start()
		synctest.Wait()
		if n := len(feed.Acks()); n != 2 {
			t.Errorf("%d acks while an output that is not required hangs", n)
		}
		close(free)
		stop()
	})
	inBubble(t, func(t *testing.T, r *rig) {
		feed := sdktest.NewFeed(t, steps("s x=1 10")...)
		r.input(feed)
		r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))})
		_, stop := r.start()
		time.Sleep(time.Second)
		l, _ := stop()
		r.wantLedger(l, "ledger read=1 made=0 absorbed=0 delivered=0 dropped=1 queued=0 balance=ok")
		if a := feed.Acks(); len(a) != 1 || a[0].Err == nil {
			t.Errorf("acks %v: what was not delivered must be read again", a)
		}
	})
}

func TestPolledBatchesGiveWayWhenAQueueIsFull(t *testing.T) {
	for _, c := range []struct {
		when WhenFull
		kept string // the oldest of what is delivered in the end
	}{{DropOldest, "x=199"}, {DropNewest, "x=0"}, {Block, "x=0"}} {
		inBubble(t, func(t *testing.T, r *rig) {
			free := make(chan struct{})
			sink := &sdktest.Sink{Do: sdktest.Block(free)}
			r.input(sdktest.NewScript(t, many(200, 50)...))
			out := r.output(sink)
			out.Queue = Queue{MaxBytes: 200_000, WhenFull: c.when}
			out.BatchSize, out.Timeout = 100, time.Hour
			p, stop := r.start()
			time.Sleep(190 * time.Second)
			if l := p.Ledger(); l.Outputs[0].QueuedBytes > 260_000 {
				t.Errorf("%s: %d bytes queued", c.when, l.Outputs[0].QueuedBytes)
			}
			close(free)
			time.Sleep(20 * time.Second)
			l, _ := stop()
			o := l.Outputs[0]
			if o.Dropped() == 0 || o.Drops[0].Reason != sdk.DropQueueFull || o.Offered != 10000 {
				t.Errorf("%s: %+v", c.when, o)
			}
			if all := strings.Join(sink.Lines(), "\n"); !strings.Contains(all, c.kept+" ") {
				t.Errorf("%s: %s is not among what was delivered", c.when, c.kept)
			}
		})
	}
}

func TestTicksDoNotDriftAndAreSkippedWhenLate(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		start := time.Now()
		var at []time.Duration
		slow := func(d time.Duration) sdktest.Step {
			return sdktest.Step{Do: func(context.Context) error {
				at = append(at, time.Since(start))
				time.Sleep(d)
				return nil
			}}
		}
		r.input(sdktest.NewScript(t, slow(300*time.Millisecond), slow(2500*time.Millisecond), slow(0), slow(0)))
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(10 * time.Second)
		stop()
		if got := fmt.Sprint(at); got != "[0s 1s 4s 5s]" {
			t.Errorf("gathers at %s", got)
		}
		for total := range p.Totals() {
			if total.Name == "gpuline_gather_overruns_total" && total.Value != 2 {
				t.Errorf("%v overruns", total.Value)
			}
		}
	})
}

// TestNoGrace: inputs that are well are not left behind though nobody waits for what is queued.
func TestNoGrace(t *testing.T) {
	for range 20 {
		inBubble(t, func(t *testing.T, r *rig) {
			r.plan.Agent.ShutdownGrace = 0
			r.input(&ticking{name: "s"})
			r.output(&sdktest.Sink{})
			_, stop := r.start()
			time.Sleep(time.Second + time.Millisecond)
			if _, err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStuckInputIsReportedAndLeftBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		free := make(chan struct{})
		stuck := sdktest.Step{Text: "stuck x=1 1", Do: func(context.Context) error { <-free; return nil }}
		sink := &sdktest.Sink{}
		r.input(sdktest.NewScript(t, stuck))
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		r.output(sink)
		_, stop := r.start()
		time.Sleep(99*time.Second + time.Millisecond)
		if n := len(sink.Lines()); n != 100 {
			t.Errorf("%d metrics of the healthy input in 100 s", n)
		}
		r.wantLog("gather is stuck")
		began := time.Now()
		l, err := stop()
		if err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("stopped after %v with %v", time.Since(began), err)
		}
		r.wantLedger(l, "ledger read=100 made=0 absorbed=0 delivered=100 dropped=0 queued=0 balance=ok")
		close(free)
	})
}

func TestStuckOutputDoesNotHoldUpTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		free := make(chan struct{})
		hung := &sdktest.Sink{Do: func(context.Context, int, *sdk.Batch) error { <-free; return nil }}
		well := &sdktest.Sink{}
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		r.output(hung)
		r.output(well)
		_, stop := r.start()
		time.Sleep(9*time.Second + time.Millisecond)
		began := time.Now()
		l, _ := stop()
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("stopping took %v", took)
		}
		r.wantLedger(l, "ledger read=10 made=0 absorbed=0 delivered=10 dropped=10 queued=0 balance=ok")
		r.wantLog("write is stuck", "an output does not end")
		close(free)
	})
}

func TestInputsThatFail(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		broken := sdktest.NewScript(t, sdktest.Step{Text: "half x=1 1", Err: errors.New("one of two GPUs failed")}, sdktest.Step{Text: "half x=2 2", Err: sdk.ErrNoData})
		broken.OpenErrs = []error{errors.New("nvidia-smi not found"), errors.New("nvidia-smi not found")}
		r.input(broken)
		r.output(sink)
		l := r.run()
		wantLines(t, sink, "half,host=h x=1 1\nhalf,host=h x=2 2")
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=2 dropped=0 queued=0 balance=ok")
		r.wantLog("input cannot start; it will be tried again", "nvidia-smi not found", "one of two GPUs failed")
	})
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		r.input(sdktest.NewScript(t, sdktest.Step{Err: fmt.Errorf("no right: %w", sdk.ErrPermanent)}))
		r.input(sdktest.NewScript(t, many(3, 1)...))
		r.output(sink)
		l, err := r.runErr()
		if !errors.Is(err, sdk.ErrPermanent) {
			t.Errorf("Run returned %v", err)
		}
		r.wantLedger(l, "ledger read=3 made=0 absorbed=0 delivered=3 dropped=0 queued=0 balance=ok")
	})
	inBubble(t, func(t *testing.T, r *rig) {
		feed := sdktest.NewFeed(t, sdktest.Step{Err: errors.New("torn")}, sdktest.Step{Text: "s x=1 1"})
		r.input(feed)
		r.output(&sdktest.Sink{})
		began := time.Now()
		r.wantLedger(r.run(), "ledger read=1 made=0 absorbed=0 delivered=1 dropped=0 queued=0 balance=ok")
		if time.Since(began) < firstPause/2 {
			t.Error("a failing Reader was called again at once")
		}
	})
}

func TestFlushes(t *testing.T) {
	count := func(r *rig, in any) (live, final int) {
		r.input(in)
		r.processor(&sdktest.Stage{DoFlush: func(_ context.Context, _ time.Time, last bool, b *sdk.Batch) error {
			if last {
				final++
				b.Add(b.Series("late"), 1).Float("x", 1)
			} else {
				live++
			}
			return nil
		}})
		sink := &sdktest.Sink{}
		r.output(sink)
		l := r.run()
		wantLines(r.t, sink, "late x=1 1")
		r.wantLedger(l, "ledger read=0 made=1 absorbed=0 delivered=1 dropped=0 queued=0 balance=ok")
		return live, final
	}
	pause := sdktest.Step{Do: func(context.Context) error { time.Sleep(950 * time.Millisecond); return sdk.ErrNoData }}
	inBubble(t, func(t *testing.T, r *rig) {
		if live, final := count(r, sdktest.NewFeed(t, pause)); live != 9 || final != 1 {
			t.Errorf("a live input: %d flushes, %d final", live, final)
		}
	})
	inBubble(t, func(t *testing.T, r *rig) {
		feed := sdktest.NewFeed(t, pause)
		feed.Offline = true
		if live, final := count(r, feed); live != 0 || final != 1 {
			t.Errorf("recorded data: %d flushes, %d final", live, final)
		}
	})
}

func TestOnceEndsAfterTwoGathers(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(sdktest.NewScript(t, many(100, 1)...))
		broken := sdktest.NewScript(t)
		broken.OpenErrs = []error{errors.New("not found")}
		r.input(broken)
		r.output(&sdktest.Sink{})
		r.plan.Agent.Gathers = 2
		l, err := r.runErr()
		if err == nil {
			t.Error("an input that cannot start is no success")
		}
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=2 dropped=0 queued=0 balance=ok")
	})
}

func TestOwnFigures(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		r.input(sdktest.NewScript(t, many(5, 1)...))
		r.output(sink)
		r.plan.Agent.SelfInterval = 2 * time.Second
		r.run()
		all := strings.Join(sink.Lines(), "\n")
		for _, want := range []string{"gpuline,host=h,plugin=outputs.sink,reason=queue_full dropped_total=0", "gpuline,host=h,plugin=outputs.sink", "delivered_total=", "gpuline,host=h,plugin=inputs.script", "cpu_seconds_total="} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is not in\n%s", want, all)
			}
		}
	})
}

func TestRepeatedMessagesAreHeldBack(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		log := quieted(newTextLog(&r.log), 0, "inputs.x")
		for i := range 100 {
			log.Error("again and again", "number", i)
			time.Sleep(time.Second)
		}
		log.Error("something else")
		if n := strings.Count(r.log.String(), "again and again"); n != 10 {
			t.Errorf("%d of 100 messages in 100 s", n)
		}
		r.wantLog("suppressed=55", "something else")
	})
	inBubble(t, func(t *testing.T, r *rig) {
		log := quieted(newTextLog(&r.log), 0, "inputs.x")
		for range 100 {
			log.Error("the very same", "err", errors.New("refused"))
			time.Sleep(time.Second)
		}
		log.Error("the very same", "err", errors.New("no route"))
		if n := strings.Count(r.log.String(), "refused"); n != 2 {
			t.Errorf("%d of 100 messages in 100 s", n)
		}
		r.wantLog("suppressed=59", "no route")
	})
}

// TestReaderWithRowsIsReadAgainAtOnce holds that an error about one of eight GPUs does not delay the rows of
// the others.
func TestReaderWithRowsIsReadAgainAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		start, at := time.Now(), []time.Duration(nil)
		lost := func(context.Context) error {
			at = append(at, time.Since(start))
			return errors.New("gpu 7 is lost")
		}
		r.input(sdktest.NewFeed(t,
			sdktest.Step{Text: "x x=1 1s", Do: lost}, sdktest.Step{Text: "x x=1 2s", Do: lost},
			sdktest.Step{Do: lost}, sdktest.Step{Do: lost},
		))
		r.output(&sdktest.Sink{})
		r.wantLedger(r.run(), "ledger read=2 made=0 absorbed=0 delivered=2 dropped=0 queued=0 balance=ok")
		if at[2] != 0 || at[3] < firstPause/2 {
			t.Errorf("read after %v", at)
		}
	})
}

// tooLate is a window for which everything is late; anyTime is one for which nothing is.
type tooLate struct{}

func (tooLate) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.Samples() {
		b.Drop(m, sdk.DropLate)
	}
	return nil
}

type anyTime struct{ sum float64 }

func (a *anyTime) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.AllSamples() {
		x, _ := m.Number("x")
		a.sum += x
	}
	return nil
}

// Every window sees every sample, also one of a batch of which a window before has left nothing.
func TestWindowsSeeWhatIsLateForOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		feed := sdktest.NewFeed(t, sdktest.Step{Text: "gpu x=1 1\n"}, sdktest.Step{Text: "gpu x=2 2\ngpu x=4 3\n"})
		feed.Offline = true
		behind := &anyTime{}
		r.input(feed)
		r.processor(tooLate{})
		r.processor(behind)
		r.output(&sdktest.Sink{})
		_, stop := r.start()
		synctest.Wait()
		l, _ := stop()
		if behind.sum != 7 || !strings.Contains(l.String(), "read=3 made=0 absorbed=0 delivered=0 dropped=3") {
			t.Errorf("it has seen %v; %s", behind.sum, l.String())
		}
	})
}

// decoded is an input of results that were made elsewhere, as of lines with the tag window.
type decoded struct{}

func (decoded) Gather(_ context.Context, b *sdk.Batch) error {
	own := b.Series("gpu", sdk.Tag{Key: "id", Value: "a"})
	b.Add(own, 1).Float("x", 1)
	m := b.Add(b.Catalog().With(own, sdk.Tag{Key: "window", Value: "10s"}), 2)
	m.SetOrigin(own)
	m.Float("x_mean", 1)
	return sdk.ErrEnd
}

// origins notes what the rows that it sees belong to.
type origins []string

func (o *origins) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.All() {
		*o = append(*o, m.Series().String()+" of "+m.Origin().String())
	}
	return nil
}

// Tags that are added to a result are added to what it belongs to: else no rule on the samples would mark it.
func TestTagsReachTheOriginOfAResult(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		var seen origins
		r.plan.Agent.Tags = []sdk.Tag{{Key: "site", Value: "s"}}
		r.input(decoded{})
		r.processor(&seen)
		r.output(&sdktest.Sink{})
		_, stop := r.start()
		synctest.Wait()
		if _, err := stop(); err != nil {
			t.Error(err)
		}
		want := origins{
			"gpu,host=h,id=a,site=s of gpu,host=h,id=a,site=s",
			"gpu,host=h,id=a,site=s,window=10s of gpu,host=h,id=a,site=s",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("got %q, want %q", seen, want)
		}
	})
}
