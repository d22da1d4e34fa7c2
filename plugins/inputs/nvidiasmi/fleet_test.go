package nvidiasmi

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// checkSane checks what holds whatever was read.
func checkSane(t *testing.T, _ *fleet, b *sdk.Batch) {
	t.Helper()
	sdktest.Foreseen(t, testConfig(), b)
	for m := range b.All() {
		if m.Len() == 0 || m.Time() <= 0 {
			t.Errorf("%s at %d has %d fields", m.Series(), m.Time(), m.Len())
		}
		for _, tag := range m.Series().Tags() {
			if !utf8.ValidString(tag.Value) || strings.ContainsFunc(tag.Value, unicode.IsControl) {
				t.Errorf("tag %s=%q", tag.Key, tag.Value)
			}
		}
		for slot := range m.Len() {
			f := m.Field(slot)
			v, number := m.Value(slot).Number()
			r, _ := vocabulary.Find(m.Name(), f.Name)
			if !m.Value(slot).Finite() || number && !r.Valid(v) {
				t.Errorf("%s %s = %v", m.Series(), f.Name, m.Value(slot))
			}
		}
	}
}

func TestVocabularyFits(t *testing.T) {
	if len(readings) > maxReadings {
		t.Errorf("%d readings, room for %d", len(readings), maxReadings)
	}
	for _, name := range defaultQuery {
		if slot, ok := lookup(name); !ok || readings[slot].CSV == "" {
			t.Errorf("%s cannot be asked for", name)
		}
	}
}

// rows feeds lines to a framer and a fleet, a frame at a time, and returns what came of GPU by GPU.
type rowFeed struct {
	t     *testing.T
	s     *Stream
	names []string
	now   time.Time
	b     *sdk.Batch
}

func newRowFeed(t *testing.T) *rowFeed {
	c := testConfig()
	c.Query = []string{"utilization_ratio"}
	s := newStream(c)
	s.fleet = newFleet(c, nil)
	s.packets, s.spares = child.NewMailbox(pending, s.lose), child.NewSpares[frame](pending)
	s.asker, s.noise, s.dropped = &asker{}, noiseCounter(nil), noiseCounter(nil)
	s.framer = framer{quiet: 20 * time.Millisecond, hold: 500 * time.Millisecond}
	p, _ := newPlan(c.wanted(), new(properties))
	s.framer.start(p, s.blankFrame())
	s.env = sdktest.Env(t, nil)
	s.lines = s.listen()
	return &rowFeed{t: t, s: s, names: append(slices.Clone(identityNames[:]), p.names()...), now: time.Unix(1000, 0), b: newBatch()}
}

func (f *rowFeed) feed(text string) { f.s.lines.Feed([]byte(text), f.now, f.now.UnixNano()) }

// frame feeds the rows that letters name: "0" for GPU 0, "x" for a row of a GPU that has lost its name.
func (f *rowFeed) frame(letters string) string {
	f.b.Reset()
	f.now = f.now.Add(time.Second)
	for _, c := range letters {
		w := world{gpus: 9, load: 50}
		if c == 'x' {
			w.lost = map[int]bool{0: true}
			c = '0'
		}
		f.feed(w.row(int(c-'0'), f.names) + "\n")
	}
	f.s.release()
	for len(f.s.packets.C) > 0 {
		f.s.unpack(f.b, (<-f.s.packets.C).frame)
	}
	var out []string
	for m := range f.b.All() {
		switch m.Name() {
		case vocabulary.Event:
			out = append(out, m.Tag(vocabulary.TagEvent)+m.Tag(vocabulary.TagIndex))
		default:
			up, _ := m.Number("up")
			out = append(out, m.Tag(vocabulary.TagIndex)+map[float64]string{0: "-", 1: "+"}[up])
		}
	}
	return strings.Join(out, " ")
}

func TestRounds(t *testing.T) {
	f := func(steps ...string) {
		t.Helper()
		feed := newRowFeed(t)
		for i := 0; i+1 < len(steps); i += 2 {
			if got := feed.frame(steps[i]); got != steps[i+1] {
				t.Errorf("frame %d of %q: %s, want %s", i/2, steps[i], got, steps[i+1])
			}
		}
	}
	// A lost GPU keeps its place, and is told by it.
	f("012", "0+ 1+ 2+", "0x2", "0+ lost1 1- 2+", "0x2", "0+ 1- 2+", "012", "0+ found1 1+ 2+")
	f("012", "0+ 1+ 2+", "x12", "lost0 0- 1+ 2+", "012", "found0 0+ 1+ 2+")
	f("012", "0+ 1+ 2+", "01x", "0+ 1+ lost2 2-", "01x", "0+ 1+ 2-")
	f("012", "0+ 1+ 2+", "xx2", "lost0 0- lost1 1- 2+", "xxx", "0- 1- lost2 2-", "xxx", "0- 1- 2-")
	// Any order of rows will do.
	f("3210", "3+ 2+ 1+ 0+", "3210", "3+ 2+ 1+ 0+", "3210", "3+ 2+ 1+ 0+", "3210", "3+ 2+ 1+ 0+", "3210", "3+ 2+ 1+ 0+")
	// A GPU that is not listed is lost after two whole rounds, which the round after them tells.
	f("012", "0+ 1+ 2+", "02", "0+ 2+", "02", "0+ 2+", "02", "lost1 1- 0+ 2+", "02", "1- 0+ 2+", "012", "1- 0+ found1 1+ 2+")
	f("012", "0+ 1+ 2+", "02", "0+ 2+", "012", "0+ 1+ 2+", "02", "0+ 2+", "012", "0+ 1+ 2+")
	// A GPU that is new joins in.
	f("01", "0+ 1+", "012", "0+ 1+ 2+", "012", "0+ 1+ 2+")
	// Frames may be split, or come together.
	f("01", "0+ 1+", "2", "2+", "01", "0+ 1+", "2", "2+", "01", "0+ 1+", "2", "2+")
	f("012012", "0+ 1+ 2+ 0+ 1+ 2+")
	// Nobody has ever had a name.
	f("xx", "")
}

func TestFrameIsDue(t *testing.T) {
	feed := newRowFeed(t)
	f := func(letters string, want time.Duration) {
		t.Helper()
		feed.now = feed.now.Add(time.Second)
		for _, c := range letters {
			feed.feed(world{gpus: 9}.row(int(c-'0'), feed.names) + "\n")
		}
		due, some := feed.s.framer.due()
		if got := due.Sub(feed.now); !some || got != want {
			t.Errorf("after %q the frame is due in %v, want %v", letters, got, want)
		}
	}
	f("012", 20*time.Millisecond)
	f("01", 500*time.Millisecond) // GPU 2 has not come yet
	f("2", 20*time.Millisecond)
	f("0", 500*time.Millisecond)
	f("0", 20*time.Millisecond) // the round before had one row: no more are expected
}

func TestNewStreamIsNoRound(t *testing.T) {
	feed := newRowFeed(t)
	feed.frame("012")
	for range 4 { // processes that end after one row
		feed.s.framer.start(feed.s.framer.plan, feed.s.blankFrame())
		if got := feed.frame("0"); got != "0+" {
			t.Errorf("got %s", got)
		}
	}
}

func TestClockSetBack(t *testing.T) {
	feed := newRowFeed(t)
	last := int64(0)
	for _, step := range []time.Duration{0, time.Second, -time.Hour, time.Second, 0, 2 * time.Hour} {
		feed.now = feed.now.Add(step)
		if got := feed.frame("01"); got != "0+ 1+" {
			t.Errorf("got %s", got)
		}
		first := last
		for m := range feed.b.All() {
			if m.Time() <= first {
				t.Errorf("after a step of %v the time goes from %d to %d", step, first, m.Time())
			}
			last = max(last, m.Time())
		}
	}
}

func TestInvalidReadings(t *testing.T) {
	meter := sdk.NewMeter()
	feed := newRowFeed(t)
	feed.s.fleet = newFleet(feed.s.config, meter)
	b := newBatch()
	feed.s.fleet.begin(b, 1, 1, true)
	f := func(cell string, want float64, ok bool) {
		t.Helper()
		b.Reset()
		row := world{gpus: 1}.row(0, feed.names[:identityColumns]) + ", " + cell
		feed.s.fleet.row(b, feed.s.framer.plan, []byte(row), 1)
		for m := range b.All() {
			if got, some := m.Number("utilization_ratio"); got != want || some != ok {
				t.Errorf("%q: %v %v, want %v %v", cell, got, some, want, ok)
			}
			if up, _ := m.Number("up"); up != 1 {
				t.Errorf("%q: up %v", cell, up)
			}
		}
		if b.Len() != 1 {
			t.Errorf("%q: %s", cell, describe(b))
		}
	}
	f("50", 0.5, true)
	f("87 %", 0.87, true)
	f("100", 1, true)
	f("101", 0, false)
	f("-1", 0, false)
	f("[N/A]", 0, false)
	f("N/A", 0, false)
	f("[Not Supported]", 0, false)
	f("[Requested functionality has been deprecated]", 0, false)
	f("[Insufficient Permissions]", 0, false)
	f("[Unknown Error]", 0, false)
	f("ERR!", 0, false)
	f("", 0, false)
	f("50 W", 0, false)
	f("50 parsecs", 0, false)
	for total := range meter.Totals() {
		if total.Value != 2 {
			t.Errorf("%v readings counted as invalid, want 2", total.Value)
		}
	}
}

// TestTornSum reads a counter that is the sum of two: without one of them it is not known.
func TestTornSum(t *testing.T) {
	f := func(sram, dram string, want float64, ok bool) {
		t.Helper()
		var text xmlText
		text.open("nvidia_smi_log")
		text.line("<gpu id='1'>")
		text.depth++
		text.leaf("uuid", "GPU-1")
		text.open("ecc_errors")
		text.group("volatile", "sram_uncorrectable", sram, "dram_uncorrectable", dram)
		text.close("ecc_errors")
		text.close("gpu")
		text.close("nvidia_smi_log")
		b := newBatch()
		if err := newFleet(testConfig(), nil).document(b, []byte(text.String()), 1, nil); err != nil {
			t.Fatal(err)
		}
		var got float64
		var found bool
		for m := range b.All() {
			if v, ok := m.Number("ecc_uncorrected_errors"); ok {
				got, found = v, true
			}
		}
		if got != want || found != ok {
			t.Errorf("%s and %s: %v, %v, want %v, %v", sram, dram, got, found, want, ok)
		}
	}
	f("3", "4", 7, true)
	f("N/A", "4", 4, true)
	f("3", "N/A", 3, true)
	f("[Unknown Error]", "4", 0, false)
	f("3", "Unknown Error", 0, false)
	f("N/A", "N/A", 0, false)
}

func TestProcessCap(t *testing.T) {
	var text xmlText
	text.open("nvidia_smi_log")
	text.line("<gpu id='1'>")
	text.depth++
	text.leaf("uuid", "GPU-1")
	text.open("processes")
	for i, memory := range []string{"5 MiB", "N/A", "70 MiB", "6 MiB", "80 MiB"} {
		text.group("process_info", "pid", string(rune('1'+i)), "type", "C", "process_name", "a\tb\xff", "used_memory", memory)
	}
	text.close("processes")
	text.close("gpu")
	text.close("nvidia_smi_log")
	c := testConfig()
	f := func(limit int, want ...string) {
		t.Helper()
		c.Processes = limit
		b := newBatch()
		if err := newFleet(c, nil).document(b, []byte(text.String()), 1, nil); err != nil {
			t.Fatal(err)
		}
		var got []string
		for m := range b.All() {
			if m.Name() == vocabulary.Process {
				got = append(got, m.Tag("pid"))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v, want %v", limit, got, want)
		}
		checkSane(t, nil, b)
	}
	f(0)
	f(2, "5", "3")
	f(9, "1", "3", "4", "5")
}

// TestContainers: a process bears the tags of the container and the pod that it is in, as those of inputs.nvml do.
func TestContainers(t *testing.T) {
	const id, pod = "4f5c0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab", "0a1b2c3d-1111-2222-3333-444455556666"
	f, b := newFleet(testConfig(), nil), newBatch()
	f.proc = t.TempDir()
	if err := os.Mkdir(filepath.Join(f.proc, "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.proc, "1", "cgroup"), []byte("0::/kubepods/besteffort/pod"+pod+"/"+id+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.document(b, []byte(world{gpus: 1}.document()), 1, nil); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for m := range b.All() {
		if m.Name() == vocabulary.Process {
			got[m.Tag(vocabulary.TagPID)] = m.Tag(vocabulary.TagContainer) + " " + m.Tag(vocabulary.TagPod)
		}
	}
	if want := map[string]string{"1": id[:12] + " " + pod, "2": " "}; !maps.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestInfoIsSeldom checks that gpu_info comes first, on a change, and every five minutes.
func TestInfoIsSeldom(t *testing.T) {
	f, b := newFleet(testConfig(), nil), newBatch()
	at, round := int64(1), 0
	infos := func(step time.Duration, change string) int {
		at += int64(step)
		round++
		b.Reset()
		f.begin(b, round, at, true)
		text := strings.Replace(world{gpus: 1}.document(), ">Default<", ">"+change+"<", 1)
		if err := f.document(b, []byte(text), at, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		for m := range b.All() {
			if m.Name() == vocabulary.Info {
				n++
				if m.Class() != sdk.ClassInfo {
					t.Errorf("class %v", m.Class())
				}
			}
		}
		return n
	}
	for i, want := range []struct {
		step   time.Duration
		change string
		n      int
	}{
		{0, "Default", 1},
		{time.Second, "Default", 0},
		{time.Second, "Prohibited", 1},
		{time.Second, "Prohibited", 0},
		{4 * time.Minute, "Prohibited", 0},
		{time.Minute, "Prohibited", 1},
	} {
		if n := infos(want.step, want.change); n != want.n {
			t.Errorf("step %d: %d, want %d", i, n, want.n)
		}
	}
}

// TestWhoseRow: a GPU that did not tell its UUID at first, or does not any more, is the same one; and a card that was
// put in another's place is not.
func TestWhoseRow(t *testing.T) {
	type named struct{ uuid, bus, index string }
	f := func(rounds ...[]named) (ups map[string]string) {
		t.Helper()
		fl, b := newFleet(testConfig(), nil), newBatch()
		for n, round := range rounds {
			b.Reset()
			fl.begin(b, n+1, int64(n+1), true)
			for _, who := range round {
				part := func(s string) []byte {
					if s == "" {
						return nil
					}
					return []byte(s)
				}
				d := fl.admit(identity{uuid: part(who.uuid), bus: part(who.bus), index: part(who.index)})
				fl.sheet.reset()
				fl.sheet.lost = who.uuid == ""
				fl.report(b, d, &fl.sheet, int64(n+1))
			}
			fl.complete(b, int64(n+1))
		}
		ups = make(map[string]string)
		for m := range b.Samples() {
			ups[m.Tag(vocabulary.TagUUID)] += m.Value(m.Schema().Slot("up")).String()
		}
		return ups
	}
	is := func(got, want map[string]string) {
		t.Helper()
		if !maps.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	a, b := named{"GPU-a", "00000000:0A:00.0", "0"}, named{"GPU-b", "00000000:0A:00.0", "0"}
	byBus, byIndex := named{bus: "0000:0a:00.0", index: "0"}, named{index: "0"}
	for _, less := range []named{byBus, byIndex} {
		is(f([]named{less}, []named{less}, []named{a}, []named{a}, []named{a}), map[string]string{"GPU-a": "1"})
		is(f([]named{a}, []named{less}, []named{less}, []named{less}), map[string]string{"GPU-a": "0"})
		is(f([]named{a}, []named{b}, []named{b}, []named{less}), map[string]string{"GPU-a": "0", "GPU-b": "0"})
	}
}
