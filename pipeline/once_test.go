package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// after is a read of an input that waits: what comes, if something does, comes after d.
func after(d time.Duration, comes string) sdktest.Step {
	return sdktest.Step{Text: comes, Do: func(ctx context.Context) error {
		clock.Sleep(ctx, d)
		return ctx.Err()
	}}
}

// TestOnceDoesNotWaitForEver: an input that waits for what others send ends when nothing comes for its interval and
// its timeout together, and the agent with it.
func TestOnceDoesNotWaitForEver(t *testing.T) {
	const s = time.Second
	const row = "s x=1 1"
	f := func(want time.Duration, rows int, idle bool, steps ...sdktest.Step) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			feed := sdktest.NewFeed(t, steps...)
			r.input(feed)
			sink := &sdktest.Sink{}
			r.output(sink)
			r.plan.Agent.Gathers = 2
			begun := time.Now()
			r.run()
			if took := time.Since(begun); took != want || len(sink.Lines()) != rows {
				t.Errorf("it took %v and delivered %d rows, want %v and %d", took, len(sink.Lines()), want, rows)
			}
			r.wantLog("the input waits for what comes", "reads=2 wait=6s")
			if said := strings.Contains(r.log.String(), "nothing has come, or there was no room for it; the input ends"); said != idle || strings.Contains(r.log.String(), "level=ERROR") {
				t.Errorf("the log says:\n%s", r.log.String())
			}
			if acks := feed.Acks(); len(acks) < rows {
				t.Errorf("acks %v", acks)
			}
		})
	}
	f(6*s, 0, true, after(time.Hour, ""))
	f(9*s, 1, true, after(3*s, row), after(time.Hour, ""))
	f(8*s, 2, false, after(3*s, row), after(5*s, row), after(time.Hour, ""))
	f(9*s, 2, false, after(3*s, row), after(time.Hour, row)) // its turn is over just when it has something
}

// TestOnceWaits: inputs that have something of their own to tell are waited for, within bounds where it may never
// come.
func TestOnceWaits(t *testing.T) {
	f := func(want time.Duration, rows int, says string, wrap func(*sdktest.Feed) any, steps ...sdktest.Step) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			r.input(wrap(sdktest.NewFeed(t, steps...)))
			sink := &sdktest.Sink{}
			r.output(sink)
			r.plan.Agent.Gathers = 2
			begun := time.Now()
			_, err := r.runErr()
			if took := time.Since(begun); took != want || len(sink.Lines()) != rows || (err == nil) != (rows == 2) {
				t.Errorf("it took %v and delivered %v, %v", took, sink.Lines(), err)
			}
			r.wantLog(says)
		})
	}
	recorded := func(feed *sdktest.Feed) any { return &finite{feed} }
	own := func(feed *sdktest.Feed) any { return &alive{feed} }
	const s = time.Second
	f(120*s, 2, "the input is waited for, however long it takes", recorded, after(60*s, "s x=1 1"), after(60*s, "s x=1 2"))
	f(78*s, 2, "", own, after(39*s, "s x=1 1"), after(39*s, "s x=1 2"))
	f(79*s, 1, "nothing has come, though the input has something to tell; it ends", own, after(39*s, "s x=1 1"), after(time.Hour, ""))
	f(40*s, 0, "wait=40s", own, after(time.Hour, ""))
}

// opensNever is an input that nothing brings back from Open.
type opensNever struct {
	sdktest.Feed
	free chan struct{}
}

func (o *opensNever) Open(context.Context, *sdk.Env) error { <-o.free; return nil }

// TestOnceEndsWithoutWhatHangs: a call that heeds no context does not keep the agent, whose other inputs deliver.
func TestOnceEndsWithoutWhatHangs(t *testing.T) {
	f := func(says string, hanging func(free chan struct{}) any) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			free := make(chan struct{})
			r.input(hanging(free)).Alias = "hanging"
			r.input(sdktest.NewScript(t, many(2, 1)...))
			sink := &sdktest.Sink{}
			r.output(sink)
			r.plan.Agent.Gathers = 2
			begun := time.Now()
			_, err := r.runErr()
			if took := time.Since(begun); took != 50*time.Second || len(sink.Lines()) != 2 || err == nil || !strings.Contains(err.Error(), ".hanging did not end in time") {
				t.Errorf("it took %v and delivered %d rows, and ended with %v", took, len(sink.Lines()), err)
			}
			r.wantLog(says, "an input does not end; it is left behind", ".hanging")
			close(free)
		})
	}
	never := func(free chan struct{}) []sdktest.Step {
		return []sdktest.Step{{Text: "late x=1 1", Do: func(context.Context) error { <-free; return nil }}}
	}
	f("gather is stuck", func(free chan struct{}) any { return sdktest.NewScript(t, never(free)...) })
	f("", func(free chan struct{}) any { return &alive{sdktest.NewFeed(t, never(free)...)} })
	f("open is stuck", func(free chan struct{}) any { return &opensNever{free: free} })
}

// TestOnceThatReadsNothing: reads that all fail are the agent's failure, and not where one has brought something.
func TestOnceThatReadsNothing(t *testing.T) {
	f := func(fails bool, says string, steps ...sdktest.Step) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			r.input(sdktest.NewScript(t, steps...))
			r.output(&sdktest.Sink{})
			r.plan.Agent.Gathers = 2
			if _, err := r.runErr(); (err != nil) != fails {
				t.Errorf("it ended with %v", err)
			}
			r.wantLog(says)
		})
	}
	bad := sdktest.Step{Err: errors.New("refused")}
	good := sdktest.Step{Text: "s x=1 1"}
	f(true, "reading failed; the input ends, and nothing was read", bad, bad)
	f(false, "reading failed; the input goes on", bad, good)
	f(false, "reading failed; the input goes on", good, bad)
	f(false, "", sdktest.Step{Err: sdk.ErrNoData}, sdktest.Step{Err: sdk.ErrNoData})
}

type alive struct{ *sdktest.Feed }

func (*alive) Live() bool { return true }

// TestOnceDoesNotWaitForRoom: a queue that is full, since its output is down, keeps an input from reading, and not the
// agent from ending.
func TestOnceDoesNotWaitForRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(sdktest.NewFeed(t, many(9, 1000)...))
		out := r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))})
		out.Queue.MaxBytes, out.Required = 64<<10, false
		r.plan.Agent.Gathers = 9
		begun := time.Now()
		r.run()
		if took := time.Since(begun); took != 16*time.Second { // 6 s for room, 10 s of grace
			t.Errorf("it took %v", took)
		}
		r.wantLog("nothing has come, or there was no room for it; the input ends")
	})
}
