package window

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// counts is the least statistic: how many samples a field had.
type counts struct{}

func (counts) Field(f sdk.Field) *sdk.Field {
	if f.Kind == sdk.Counter {
		return nil
	}
	return &sdk.Field{Name: f.Name + "_n", Type: sdk.Int}
}
func (counts) Fold(_ *sdk.Field, n *int64, r *Run) { *n += int64(len(r.T)) }
func (counts) Merge(n, later *int64)               { *n += *later }
func (counts) Emit(w *Window[sdk.Field, int64]) {
	for i := range w.Len() {
		if f, n := w.Field(i); f != nil && *n > 0 {
			w.Set(*f, sdk.IntValue(*n))
		}
	}
}

func tenSeconds() *Config {
	return &Config{Period: 10 * time.Second, Lateness: time.Second, MaxGap: 30 * time.Second}
}

type bench struct {
	t *testing.T
	w *Windows[sdk.Field, int64]
	b *sdk.Batch
}

func newBench(t *testing.T, c *Config, limits sdk.Limits) *bench {
	return &bench{t, New(c, counts{}, 0), sdk.NewBatch(sdk.NewCatalog(limits))}
}

func (x *bench) results() []string {
	got := []string{}
	for m := range x.b.All() {
		if m.Class() == sdk.ClassResult {
			got = append(got, sdktest.Line(m))
		}
	}
	return got
}

func (x *bench) process(in, want string) {
	x.t.Helper()
	x.b.Reset()
	sdktest.Parse(x.t, x.b, in)
	x.w.Process(x.b)
	if diff := cmp.Diff(sdktest.Lines(want), x.results()); diff != "" {
		x.t.Errorf("after %s: -want +got\n%s", in, diff)
	}
}

func (x *bench) flush(now time.Duration, want string) {
	x.t.Helper()
	x.b.Reset()
	x.w.Flush(time.Unix(1e9, 0).Add(now), false, x.b)
	if diff := cmp.Diff(sdktest.Lines(want), x.results()); diff != "" {
		x.t.Errorf("flush at %v: -want +got\n%s", now, diff)
	}
}

// A process comes and goes by its number: windows of it would be parts, and a multitude.
func TestProcessesStayOut(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	x.process("gpu_process,pid=1 x=1 12s\ng x=1 12s\ngpu_process,pid=1 x=1 22s\ng x=1 22s", "g,part=head,window=10s x_n=1i 20000000000 class=result origin=g")
	for m := range x.b.Samples() {
		if m.Absorbed() != (m.Name() == "g") {
			t.Errorf("absorbed %v: %s", m.Absorbed(), sdktest.Line(m))
		}
	}
}

// TestSeriesShareWhatIsKnownOfAField holds that a thousand GPUs cost a thousand times their samples, and no more.
func TestSeriesShareWhatIsKnownOfAField(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	x.process("g x=1 0s\nh x=1 0s", "")
	var met []*sdk.Field
	for r := range x.w.table.All() {
		met = append(met, r.Cell(0).known)
	}
	if len(met) != 2 || met[0] == nil || met[0] != met[1] {
		t.Errorf("two series know %v of their field", met)
	}
	for i := range 2 * sdk.MaxCells {
		name := fmt.Sprint(i)
		if known := x.w.know(sdk.Field{Name: name}); known.Name != name+"_n" || len(x.w.known) > sdk.MaxCells {
			t.Fatalf("%s: %v, and %d fields are known", name, known, len(x.w.known))
		}
	}
}

func TestSilenceClosesWindows(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	x.flush(0, "")
	x.process("g x=1 12s\nh x=1 12s", "")
	x.flush(100*time.Millisecond, "")
	x.process("g x=1 14s", "")
	x.flush(20*time.Second, "")
	x.flush(20*time.Second+100*time.Millisecond, "h,part=both,window=10s x_n=1i 20000000000 class=result origin=h")
	x.flush(40*time.Second, "g,part=both,window=10s x_n=2i 20000000000 class=result origin=g")
	x.flush(time.Hour, "")
	// What comes then is a new start, even if it is older: a clock that ran ahead does no lasting harm.
	x.process("g x=1 13s\ng x=1 22s", "g,part=head,window=10s x_n=1i 20000000000 class=result origin=g")
	x.process("g x=1 14s", "")
	if late := x.b.Tally().Dropped(); late != 1 {
		t.Errorf("%d late samples", late)
	}
}

func TestSlowSeriesOfAShortPeriodIsSilentAfterTenSeconds(t *testing.T) {
	c := tenSeconds()
	c.Period = time.Second
	x := newBench(t, c, sdk.Limits{})
	x.process("g x=1 0s", "")
	x.flush(0, "")
	x.flush(9*time.Second, "")
	x.flush(10*time.Second, "g,part=tail,window=1s x_n=1i 1000000000 class=result origin=g")
}

func TestALullInEventTimeIsASilence(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	x.process("g x=1 0s\ng x=1 29s\ng x=1 41s", `
		g,window=10s x_n=1i 10000000000 class=result origin=g
		g,window=10s x_n=1i 30000000000 class=result origin=g`)
	x.process("g x=1 75s\ng x=1 81s", `
		g,window=10s x_n=1i 50000000000 class=result origin=g
		g,part=head,window=10s x_n=1i 80000000000 class=result origin=g`)
}

func TestHugeGapsCostNothing(t *testing.T) {
	c := &Config{Period: time.Millisecond, Every: 100 * time.Microsecond, MaxGap: time.Millisecond}
	x := newBench(t, c, sdk.Limits{})
	x.b.Reset()
	s := x.b.Series("g")
	for _, at := range []int64{-horizon, -1, 0, 1, horizon} {
		x.b.Add(s, at).Float("x", 1)
	}
	for _, at := range []int64{math.MinInt64, math.MaxInt64} { // nothing is read at such a time
		x.b.Add(s, at).Float("x", 1)
	}
	x.w.Process(x.b)
	x.w.Flush(time.Time{}, true, x.b)
	n := int64(0)
	for m := range x.b.All() {
		if v, ok := m.Lookup("x_n"); ok {
			n += v.Int()
		}
	}
	if n != 5*10 || x.b.Tally().Absorbed != 5 {
		t.Errorf("%d samples in windows, want 50; %d absorbed", n, x.b.Tally().Absorbed)
	}
}

func TestAFullCatalogDropsResults(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{Series: 1})
	x.process("g x=1 0s\ng x=1 11s\ng x=1 22s", "")
	if tally := x.b.Tally(); tally.Dropped() != 2 || tally.Drops[0].Reason != sdk.DropSeriesCap || x.b.Len() != 3 {
		t.Errorf("%+v, %d rows", tally, x.b.Len())
	}
}

func TestSeriesThatLeavesTheCatalogIsNotLost(t *testing.T) {
	c := tenSeconds()
	c.Period = 24 * time.Hour
	x := newBench(t, c, sdk.Limits{Idle: time.Hour})
	catalog, start := x.b.Catalog(), time.Unix(1e9, 0)
	catalog.Sweep(start)
	x.process("g x=1 0s\nh x=1 0s", "")
	catalog.Sweep(start.Add(61 * time.Minute))
	x.process("h x=1 1h", `
		g,part=tail,window=24h x_n=1i 86400000000000 class=result origin=g
		h,part=tail,window=24h x_n=1i 86400000000000 class=result origin=h`)
	if x.w.table.Len() != 1 {
		t.Errorf("%d series left in the table, want 1", x.w.table.Len())
	}
	catalog.Sweep(start.Add(123 * time.Minute))
	x.flush(0, "h,part=both,window=24h x_n=1i 86400000000000 class=result origin=h")
}

// A series keeps only so many samples; sums come out right all the same, and what is older is late.
func TestMemoryIsBounded(t *testing.T) {
	f := func(period, every time.Duration) {
		t.Helper()
		c := &Config{Period: period, Every: every, Lateness: 100 * time.Millisecond, MaxGap: time.Second}
		x := newBench(t, c, sdk.Limits{})
		s := x.b.Series("g")
		const samples = 60_000
		n, ends := int64(0), map[int64]int64{}
		take := func() {
			for m := range x.b.All() {
				if v, ok := m.Lookup("x_n"); ok {
					ends[m.Time()] = v.Int()
					n += v.Int()
				}
			}
			x.b.Reset()
		}
		for i := range int64(samples) {
			// Neighbours change places within the lateness.
			x.b.Add(s, (i^7)*1e6).Float("x", 1)
			x.w.Process(x.b)
			take()
			for r := range x.w.table.All() {
				if r.State.line.rows > defaultKeep+pieceRows+100 {
					t.Fatalf("%d rows kept", r.State.line.rows)
				}
			}
		}
		x.b.Add(s, (samples-20_000)*1e6).Float("x", 1)
		x.w.Process(x.b)
		if x.b.Tally().Dropped() != 1 {
			t.Error("a sample older than those that are kept is not late")
		}
		x.b.Reset()
		x.w.Flush(time.Time{}, true, x.b)
		take()
		panes := int64(1)
		if every > 0 {
			panes = int64(period / every)
		}
		if n != samples*panes {
			t.Errorf("%v every %v: %d samples in all windows, want %d", period, every, n, samples*panes)
		}
		if full := ends[int64(period)]; full != int64(period/time.Millisecond) {
			t.Errorf("%v every %v: %d samples in the first full window", period, every, full)
		}
	}
	f(30*time.Second, 0)
	f(30*time.Second, 10*time.Second)
}

// TestFlood sends a series far more samples of one second than any source takes, all over again and out of
// order: memory and time stay bounded, and every sample is counted.
func TestFlood(t *testing.T) {
	f := func(start time.Duration) {
		t.Helper()
		x := newBench(t, &Config{Period: 10 * time.Second, Lateness: time.Second, MaxGap: time.Second}, sdk.Limits{})
		s := x.b.Series("g")
		late := uint64(0)
		const samples = 200_000
		for i := range int64(samples) {
			at := i % 1000 * 1e6 // the same second, again and again
			if i > samples/2 {
				at = 999e6 // one instant
			}
			x.b.Add(s, int64(start)+at).Float("x", 1)
			x.w.Process(x.b)
			late += x.b.Tally().Dropped()
			x.b.Reset()
			for r := range x.w.table.All() {
				if r.State.line.rows > flood*defaultKeep+pieceRows {
					t.Fatalf("%d rows kept", r.State.line.rows)
				}
			}
		}
		x.w.Flush(time.Time{}, true, x.b)
		counted := uint64(0)
		for m := range x.b.All() {
			if v, ok := m.Lookup("x_n"); ok {
				counted += uint64(v.Int())
			}
		}
		if counted+late != samples || late == 0 {
			t.Errorf("%d samples counted and %d late of %d", counted, late, samples)
		}
	}
	f(0)                // the watermark stands in the pane before
	f(5 * time.Second)  // it stands in the samples' pane
	f(10 * time.Second) // as at 0, with a whole pane before
}

// Rows of the pane in progress have been folded and let go: the pane before it can be folded anew no more.
func TestLateBeforeAPaneThatIsFoldedInPart(t *testing.T) {
	x := newBench(t, &Config{Period: 30 * time.Second, Every: 10 * time.Second, MaxGap: time.Second}, sdk.Limits{})
	s := x.b.Series("g")
	for i := range int64(8000) {
		x.b.Add(s, 100e9+i*1e6).Float("x", 1)
	}
	x.b.Add(s, 95e9).Float("x", 1)
	x.w.Process(x.b)
	if x.b.Tally().Dropped() != 1 {
		t.Error("it is not late")
	}
}

// A sample that comes into folded panes after rows before them have been let go is counted where it can be.
func TestLateIntoSlidingWindows(t *testing.T) {
	c := &Config{Period: 10 * time.Second, Every: time.Second, MaxGap: time.Second}
	x := newBench(t, c, sdk.Limits{})
	s := x.b.Series("g")
	for i := range int64(10_000) {
		x.b.Add(s, i*1e6).Float("x", 1)
	}
	x.w.Process(x.b)
	f := func(at time.Duration, late bool) {
		t.Helper()
		x.b.Reset()
		x.b.Add(s, int64(at)).Float("x", 1)
		x.w.Process(x.b)
		if (x.b.Tally().Dropped() == 1) != late {
			t.Errorf("sample at %v: late %v", at, !late)
		}
	}
	f(3*time.Second, true)
	f(7500*time.Millisecond, false)
	f(9*time.Second, false)
	x.b.Reset()
	x.b.Add(s, 10e9).Float("x", 1)
	x.w.Process(x.b)
	if got, want := x.results(), "g,window=10s/1s x_n=10002i 10000000000 class=result origin=g"; len(got) != 1 || got[0] != want {
		t.Errorf("\n got %v\nwant %s", got, want)
	}
}

func TestFieldsBeyondSixtyFour(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	line := "g "
	for i := range 200 {
		x.b.Reset()
		x.b.Add(x.b.Series("g"), int64(i)*1e6).Float(fmt.Sprint("f", i), 1)
		x.w.Process(x.b)
		if i > 0 {
			line += ","
		}
		line += fmt.Sprintf("f%d=1", i)
	}
	x.b.Reset()
	sdktest.Parse(t, x.b, line+" 5s\ng f199=1 11s")
	x.w.Process(x.b)
	for m := range x.b.All() {
		for slot := range m.Len() {
			if m.Class() == sdk.ClassResult && m.Value(slot).Int() != 2 {
				t.Errorf("%s = %v, want 2", m.Field(slot).Name, m.Value(slot))
			}
		}
		if m.Class() == sdk.ClassResult && m.Len() != 200 {
			t.Errorf("%d fields", m.Len())
		}
	}
	if x.b.Len() != 3 {
		t.Errorf("%d rows", x.b.Len())
	}
}

func TestATypeThatChanges(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	x.process("g x=1 0s\ng x=2i 1s\ng x=true 2s\ng x=\"a\" 3s\ng y:info=1i,x=-1i 4s\ng x=3u,y=\"b\" 11s",
		"g,window=10s x_n=3i,y=1i 10000000000 class=result origin=g")
}

func TestTextOutlivesTheBatch(t *testing.T) {
	x := newBench(t, tenSeconds(), sdk.Limits{})
	x.process("g x=1,a=\"one\" 0s", "")
	x.process("g b=\"two\",x=1 2s", "")
	x.process("g x=1,a=\"three\",b=\"four\" 1s", "")
	x.process("g x=1,a=\"five\" 11s", "g,window=10s x_n=3i,a=\"three\",b=\"two\" 10000000000 class=result origin=g")
}

func TestLabel(t *testing.T) {
	f := func(period, every, want string) {
		t.Helper()
		p, _ := time.ParseDuration(period)
		e, _ := time.ParseDuration(every)
		if got := (&Config{Period: p, Every: e}).label(); got != want {
			t.Errorf("period %s, every %s: %s, want %s", period, every, got, want)
		}
	}
	f("10s", "0s", "10s")
	f("10s", "10s", "10s")
	f("10000ms", "0s", "10s")
	f("500ms", "0s", "500ms")
	f("60s", "0s", "1m")
	f("90s", "0s", "90s")
	f("60s", "10s", "60s/10s")
	f("1m", "10s", "60s/10s")
	f("5m", "1m", "5m/1m")
	f("1h", "30m", "60m/30m")
	f("24h", "0s", "24h")
	f("1s", "250us", "1000000us/250us")
	f("1500ns", "0s", "1500ns")
}

func TestFaults(t *testing.T) {
	f := func(c Config, key string) {
		t.Helper()
		var fault sdk.Fault
		if err := c.Validate(); (err != nil) != (key != "") || errors.As(err, &fault) && fault.Path[0] != key {
			t.Errorf("%+v: %v, want a fault of %q", c, err, key)
		}
	}
	ok := *tenSeconds()
	f(ok, "")
	with := func(set func(*Config)) Config {
		c := ok
		set(&c)
		return c
	}
	f(with(func(c *Config) { c.Every = 2 * time.Second }), "")
	f(with(func(c *Config) { c.Period = 0 }), "period")
	f(with(func(c *Config) { c.Period = -1 }), "period")
	f(with(func(c *Config) { c.MaxGap = 0 }), "max_gap")
	f(with(func(c *Config) { c.Every = -1 }), "every")
	f(with(func(c *Config) { c.Every = 11 * time.Second }), "every")
	f(with(func(c *Config) { c.Every = 3 * time.Second }), "every")
	f(with(func(c *Config) { c.Every = 500 * time.Microsecond }), "every")
	f(with(func(c *Config) { c.Lateness = -1 }), "lateness")
	f(with(func(c *Config) { c.Period, c.MaxGap = time.Millisecond, 1001*time.Second }), "max_gap")
}
