package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// down is a sink that refuses until it is told otherwise.
type down struct {
	sdktest.Sink
	up atomic.Bool
}

func refusing() *down {
	d := &down{}
	d.Do = func(context.Context, int, *sdk.Batch) error {
		if d.up.Load() {
			return nil
		}
		return fmt.Errorf("write: %w", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")})
	}
	return d
}

func (r *rig) diskOutput(impl any, path string, processors ...any) *Output {
	out := r.output(impl, processors...)
	out.Queue.Disk = path
	out.BatchSize = 2
	return out
}

// wantNumbers checks that a sink has the rows 1 to n of a ticking input, each once and in order.
func wantNumbers(t *testing.T, s *sdktest.Sink, n int) {
	t.Helper()
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("s x=%d %d", i+1, i+1))
	}
	got := s.Lines()
	for i := range got { // without the tags that the agent adds
		name, rest, _ := strings.Cut(got[i], " ")
		name, _, _ = strings.Cut(name, ",")
		got[i] = name + " " + rest
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d:\n%s", len(got), n, strings.Join(got, "\n"))
	}
}

func TestQueueOnDiskOutlastsTheAgent(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		path := filepath.Join(t.TempDir(), "queue")
		in, sink := &ticking{name: "s"}, refusing()
		r.input(in)
		r.diskOutput(sink, path)
		_, stop := r.start()
		time.Sleep(6*time.Second + time.Millisecond)
		l, err := stop()
		if err != nil {
			t.Error(err)
		}
		r.wantLedger(l, "ledger read=7 made=0 absorbed=0 delivered=0 dropped=0 queued=7 balance=ok")

		sink.up.Store(true)
		_, stop = r.start()
		time.Sleep(2*time.Second + time.Millisecond)
		l, _ = stop()
		r.wantLedger(l, "ledger read=3 made=0 recovered=7 absorbed=0 delivered=10 dropped=0 queued=0 balance=ok")
		wantNumbers(t, &sink.Sink, 10)
		ids := sink.IDs()
		first := ids[0]
		for i, id := range ids[:4] {
			if id.Epoch != first.Epoch || id.Seq != uint64(i+1) || id.Agent != "h" {
				t.Errorf("recovered batch %d is %+v", i, id)
			}
		}
		if ids[4].Epoch == first.Epoch {
			t.Errorf("a new batch has the epoch of the agent before: %+v", ids)
		}
	})
}

// TestReloadKeepsTheQueueOnDisk changes the output above a queue, and what is queued goes on under it.
func TestReloadKeepsTheQueueOnDisk(t *testing.T) {
	for _, own := range []bool{false, true} {
		inBubble(t, func(t *testing.T, r *rig) {
			path := filepath.Join(t.TempDir(), "queue")
			in, old, fresh := &ticking{name: "s"}, refusing(), &sdktest.Sink{}
			var stages []any
			if own {
				stages = []any{&sdktest.Stage{}}
			}
			r.input(in)
			r.diskOutput(old, path, stages...)
			p, stop := r.start()
			time.Sleep(5*time.Second + time.Millisecond)
			r.plan.Outputs = nil
			r.diskOutput(fresh, path+"/../queue", stages...).Alias = "fresh"
			if err := p.Reload(r.plan); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if l := p.Ledger(); len(l.Outputs) != 1 || l.Outputs[0].Name != "outputs.sink.fresh" || l.Outputs[0].Offered != 8 || l.Check() != nil {
				t.Errorf("after the reload: %+v %v", l.Outputs, l.Check())
			}
			if old.Closes() != 1 {
				t.Errorf("the old output was closed %d times", old.Closes())
			}
			l, err := stop()
			if err != nil {
				t.Error(err)
			}
			r.wantLedger(l, "ledger read=8 made=0 absorbed=0 delivered=8 dropped=0 queued=0 balance=ok")
			wantNumbers(t, fresh, 8)
			for i, id := range fresh.IDs() {
				if id.Epoch != fresh.IDs()[0].Epoch || id.Seq != uint64(i+1) {
					t.Errorf("batch %d is %+v", i, id)
				}
			}
		})
	}
}

func TestReloadWaitsForTheWriteThatIsOnItsWay(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		path := filepath.Join(t.TempDir(), "queue")
		slow := &sdktest.Sink{Do: func(ctx context.Context, _ int, _ *sdk.Batch) error {
			time.Sleep(3 * time.Second)
			return ctx.Err()
		}}
		fresh := &sdktest.Sink{}
		r.input(&ticking{name: "s"})
		r.diskOutput(slow, path)
		p, stop := r.start()
		time.Sleep(time.Second + time.Millisecond)
		r.plan.Outputs = nil
		r.diskOutput(fresh, path).Alias = "fresh"
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		l, _ := stop()
		r.wantLedger(l, "ledger read=7 made=0 absorbed=0 delivered=7 dropped=0 queued=0 balance=ok")
		if a, b := len(slow.Lines()), len(fresh.Lines()); a != 1 || b != 6 {
			t.Errorf("%d and %d rows", a, b)
		}
	})
}

// TestReloadsExchangeQueues has two outputs change folders, again and again, under a stream.
func TestReloadsExchangeQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		dir := t.TempDir()
		sink := &sdktest.Sink{}
		in := &ticking{name: "s"}
		plan := func(round int) Plan {
			r.plan.Inputs, r.plan.Outputs = nil, nil
			r.input(in).Interval = 10 * time.Millisecond
			for i := range 2 {
				out := r.diskOutput(sink, filepath.Join(dir, fmt.Sprint((round+i)%2)))
				out.Alias = fmt.Sprint(i)
				out.Fingerprint += fmt.Sprint(round)
			}
			return r.plan
		}
		plan(0)
		p, stop := r.start()
		for round := range 30 {
			time.Sleep(time.Duration(round) * time.Millisecond)
			if round%7 == 6 {
				bad := plan(round)
				bad.Inputs[0].New = func() (any, error) { return nil, errors.New("bad") }
				bad.Inputs[0].Fingerprint = ""
				if p.Reload(bad) == nil {
					t.Error("a bad plan was taken")
				}
				continue
			}
			if err := p.Reload(plan(round)); err != nil {
				t.Fatal(err)
			}
		}
		l, err := stop()
		if err != nil {
			t.Error(err)
		}
		if n := len(sink.Lines()); n != 2*in.n {
			t.Errorf("%d read, two outputs took %d", in.n, n)
		}
		want := fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%d dropped=0 queued=0 balance=ok", in.n, 2*in.n)
		r.wantLedger(l, want)
	})
}

func TestQueueThatAReloadDropsStaysOnDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		path := filepath.Join(t.TempDir(), "queue")
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		r.diskOutput(refusing(), path).Alias = "disk"
		p, stop := r.start()
		time.Sleep(4*time.Second + time.Millisecond)
		all := slices.Clone(r.plan.Outputs)
		r.plan.Outputs = all[:1]
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if l := p.Ledger(); l.Outputs[1].Queued != 5 || l.Check() != nil {
			t.Errorf("the output that went: %+v", l.Outputs[1])
		}
		sink := &sdktest.Sink{}
		r.diskOutput(sink, path).Alias = "again"
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		l, _ := stop()
		if again := l.Outputs[1]; again.Recovered != 5 || again.Delivered != 5+again.Offered {
			t.Errorf("the output that came: %+v", again)
		}
		if err := l.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoOutputsOfOneFolder(t *testing.T) {
	r := &rig{t: t}
	dir := t.TempDir()
	r.input(&ticking{name: "s"})
	r.diskOutput(&sdktest.Sink{}, dir)
	r.diskOutput(&sdktest.Sink{}, dir+"/x/..").Alias = "b"
	if _, err := New(r.plan, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "belongs to another output") {
		t.Errorf("two outputs of one folder: %v", err)
	}
}

func TestAckOfAnOutputThatIsDownWaitsForTheDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		feed := sdktest.NewFeed(t, steps("s x=1 1", "s x=2 2", "s x=3 3")...)
		r.input(feed)
		r.diskOutput(refusing(), filepath.Join(t.TempDir(), "queue"))
		_, stop := r.start()
		time.Sleep(time.Second)
		synctest.Wait()
		acks := feed.Acks()
		if len(acks) != 3 {
			t.Errorf("%d acks while the output is down", len(acks))
		}
		for _, a := range acks {
			if a.Err != nil {
				t.Error(a.Err)
			}
		}
		l, _ := stop()
		r.wantLedger(l, "ledger read=3 made=0 absorbed=0 delivered=0 dropped=0 queued=3 balance=ok")
	})
}

// TestBlockHoldsReadersAndDropsFromOthers fills a queue on disk.
func TestBlockHoldsReadersAndDropsFromOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := refusing()
		var text []string
		for i := range 400 {
			text = append(text, fmt.Sprintf("fed x=%d %d", i, i))
		}
		feed := sdktest.NewFeed(t, steps(text...)...)
		r.input(feed)
		polled := r.input(&ticking{name: "polled"})
		polled.Alias, polled.Interval = "polled", 10*time.Millisecond
		out := r.diskOutput(sink, filepath.Join(t.TempDir(), "queue"))
		out.Queue.MaxBytes, out.Queue.WhenFull = 20_000, Block
		p, stop := r.start()
		time.Sleep(10*time.Second + time.Millisecond)
		if n := len(feed.Acks()); n == 0 || n > 300 {
			t.Errorf("%d of 400 batches were read while the queue was full", n)
		}
		if o := p.Ledger().Outputs[0]; o.QueuedBytes > 21_000 || o.Dropped() == 0 {
			t.Errorf("%+v", o)
		}
		sink.up.Store(true)
		time.Sleep(60 * time.Second)
		l, _ := stop()
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		fed := 0
		for _, line := range sink.Lines() {
			if strings.HasPrefix(line, "fed") {
				fed++
			}
		}
		if fed != 400 || len(feed.Acks()) != 400 {
			t.Errorf("%d of 400 rows of a Reader, %d acks", fed, len(feed.Acks()))
		}
	})
}

func TestReadyTellsOfADiskThatRefuses(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(&ticking{name: "s"})
		r.diskOutput(&sdktest.Sink{}, "/dev/null/queue")
		p, stop := r.start()
		time.Sleep(time.Second + time.Millisecond)
		if f := p.faultsNow(time.Now()); len(f) != 1 || f[0] != "outputs.sink: its queue's disk refuses" {
			t.Errorf("faults are %v", f)
		}
		faults := 0.0
		for total := range p.Totals() {
			if total.Name == "gpuline_queue_faults_total" {
				faults = total.Value
			}
		}
		if faults == 0 {
			t.Error("the faults are not counted")
		}
		l, _ := stop()
		r.wantLedger(l, "ledger read=2 made=0 absorbed=0 delivered=2 dropped=0 queued=0 balance=ok")
	})
}

func TestOutputThatCannotStartDropsWhatIsInMemory(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{OpenErrs: []error{sdk.ErrPermanent}}).Alias = "never"
		r.output(&sdktest.Sink{})
		_, stop := r.start()
		time.Sleep(3*time.Second + time.Millisecond)
		l, _ := stop()
		if o := l.Outputs[0]; len(o.Drops) != 1 || o.Drops[0] != (sdk.Drop{Reason: sdk.DropRejected, Count: 4}) {
			t.Errorf("%+v", o)
		}
	})
}

// TestOutputThatCannotStartLeavesItsQueueOnDisk has one that a reload repairs.
func TestOutputThatCannotStartLeavesItsQueueOnDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		path := filepath.Join(t.TempDir(), "queue")
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		r.diskOutput(refusing(), path).Alias = "disk"
		_, stop := r.start()
		time.Sleep(3*time.Second + time.Millisecond)
		l, _ := stop()
		if q := l.Outputs[1].Queued; q != 4 {
			t.Errorf("%d are queued", q)
		}

		never := &sdktest.Sink{OpenErrs: []error{fmt.Errorf("no such bucket: %w", sdk.ErrPermanent)}}
		r.plan.Outputs = r.plan.Outputs[:1]
		r.diskOutput(never, path).Alias = "never"
		p, stop := r.start()
		time.Sleep(3*time.Second + time.Millisecond)
		if o := p.Ledger().Outputs[1]; o.Queued < 4 || o.Queued+o.Dropped() != o.Offered+4 || o.Drops[0].Reason != sdk.DropRejected {
			t.Errorf("while it cannot start: %+v", o)
		}
		sink := &sdktest.Sink{}
		r.plan.Outputs = r.plan.Outputs[:1]
		r.diskOutput(sink, path).Alias = "repaired"
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		l, _ = stop()
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		if o := l.Outputs[1]; o.Name != "outputs.sink.repaired" || o.Recovered < 4 || o.Delivered != o.Recovered+o.Offered || len(sink.Lines()) != int(o.Delivered) {
			t.Errorf("after it was repaired: %+v", l.Outputs)
		}
	})
}

// A far end that was down for seconds gets what waits for it within a second, and one that was down for longer within
// an eighth of that time, at most ten seconds, while few tries are made.
func TestFarEndThatReturnsGetsAllSoon(t *testing.T) {
	f := func(disk string, outage, within time.Duration, tries int64) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			sink := refusing()
			r.input(&ticking{name: "s"})
			r.diskOutput(sink, disk)
			p, stop := r.start()
			time.Sleep(outage + 500*time.Millisecond)
			if calls := int64(sink.Calls()); calls > tries {
				t.Errorf("%d tries in %v", calls, outage)
			}
			sink.up.Store(true)
			time.Sleep(within)
			synctest.Wait()
			if o := p.Ledger().Outputs[0]; o.Delivered <= uint64(outage/time.Second) || o.Queued > 0 {
				t.Errorf("%v after it has returned: %+v", within, o)
			}
			l, _ := stop()
			wantNumbers(t, &sink.Sink, int(l.Outputs[0].Delivered))
		})
	}
	disk := func() string { return filepath.Join(t.TempDir(), "queue") }
	f("", 7*time.Second, time.Second, 20)
	f(disk(), 7*time.Second, time.Second, 20)
	f("", 40*time.Second, 6*time.Second, 70)
	f("", 10*time.Minute, 10*time.Second, 200)
	f(disk(), 10*time.Minute, 10*time.Second, 200)
}
