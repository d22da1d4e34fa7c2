package threshold

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// modelRow is a row of the stream, or a silence.
type modelRow struct {
	series  string
	window  string // of a result
	t       int64
	values  map[string]float64
	silence bool
}

// modelChange is a change of a rule's state.
type modelChange struct {
	row    int // that caused it
	t      int64
	active bool
}

// model tells all changes of a rule, on the rows of one series or of one window of its results, from the
// rows alone. It looks at each row in turn, with the tree of the condition and the values by name.
func model(c *Rule, series, window string, rows []modelRow, gap int64) []modelChange {
	when, _ := parse(c.When)
	clearing, fault := parse(c.Clear)
	if fault != nil {
		clearing = &node{op: opNot, left: when}
	}
	wanted := append(names(when), names(clearing)...)
	type value struct {
		v float64
		t int64
	}
	var changes []modelChange
	values := map[string]value{}
	active, live := false, false
	var last, expires int64
	since := int64(math.MaxInt64)
	change := func(row int, t int64) {
		active = !active
		changes = append(changes, modelChange{row, t, active})
	}
	for i, r := range rows {
		if !r.silence && (r.series != series || r.window != window) {
			continue
		}
		if live && (r.silence || r.t > expires) {
			live, since = false, math.MaxInt64
			if active {
				change(i, expires)
			}
		}
		if r.silence {
			clear(values)
			continue
		}
		fresh := false
		for name, v := range r.values {
			if old, ok := values[name]; ok && r.t < old.t || math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			values[name] = value{v, r.t}
			fresh = fresh || slices.Contains(wanted, name)
		}
		oldest, judged := r.t, fresh
		for _, name := range wanted {
			v, ok := values[name]
			if !ok || v.t > r.t || r.t-v.t > gap || window != "" && v.t != r.t {
				judged = false
			}
			oldest = min(oldest, v.t)
		}
		if !judged || live && r.t < last {
			continue
		}
		o := oracle{numbers: func(name string) float64 { return values[name].v }}
		condition := when
		if active {
			condition = clearing
		}
		verdict := o.condition(condition)
		if verdict == undefined {
			continue
		}
		live, last, expires = true, r.t, oldest+gap
		switch {
		case verdict == no:
			since = math.MaxInt64
		case active:
			since = math.MaxInt64
			change(i, r.t)
		default:
			since = min(since, r.t)
			if r.t-since >= int64(c.For) {
				change(i, r.t)
			}
		}
	}
	return changes
}

// activeAt tells whether a rule was active at t, as far as rows before row tell.
func activeAt(changes []modelChange, row int, t int64) bool {
	active := false
	for _, c := range changes {
		if c.row <= row && c.t <= t {
			active = c.active
		}
	}
	return active
}

func modelStream(r *rand.Rand, n int) []modelRow {
	now := map[string]int64{}
	rows := make([]modelRow, 0, n)
	for range n {
		if r.IntN(150) == 0 {
			rows = append(rows, modelRow{silence: true})
			continue
		}
		row := modelRow{series: fmt.Sprint("s", r.IntN(2)), values: map[string]float64{}}
		suffix := ""
		if r.IntN(3) == 0 {
			row.window, suffix = []string{"2s", "6s/3s"}[r.IntN(2)], "_mean"
		}
		key := row.series + row.window
		step := int64(500 * r.IntN(4))
		if r.IntN(60) == 0 {
			step = 1000 * r.Int64N(20)
		}
		now[key] += step
		row.t = now[key]
		if r.IntN(12) == 0 {
			row.t -= 500 * r.Int64N(8)
		}
		row.t *= 1e6
		for _, f := range []string{"a", "b", "c"} {
			if r.IntN(4) == 0 {
				continue
			}
			v := float64(r.IntN(5))
			if r.IntN(40) == 0 {
				v = math.NaN()
			}
			row.values[f+suffix] = v
		}
		rows = append(rows, row)
	}
	return rows
}

func TestRandomStreams(t *testing.T) {
	var rules []Rule
	for i, c := range []struct {
		when, clear string
		hold        time.Duration
	}{
		{"a > 2", "", 0},
		{"a > 0", "a == 0", 2 * time.Second},
		{"a > 1 and b > 1", "", time.Second},
		{"a / b > 0.5", "c == 0", 1500 * time.Millisecond},
		{"a + b > c or not c > 1", "", 3 * time.Second},
		{"a_mean > 1", "", 0},
		{"a_mean > 0 and b_mean > 0", "a_mean < 2", 3 * time.Second},
		{"a_mean / b_mean in (0.5, 1, 2)", "", time.Second},
	} {
		name := fmt.Sprint("r", i)
		rules = append(rules, Rule{Name: name, Metric: "gpu", When: c.when, Clear: c.clear, For: c.hold, Tags: map[string]string{name: "on"}})
	}
	const maxGap = 5 * time.Second
	changes := 0
	for seed := range uint64(15) {
		r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // repeatable on purpose
		rows := modelStream(r, 600)
		p, err := New(&Config{MaxGap: maxGap, Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		// What the model says of each rule and each of its subjects.
		known := map[string][]modelChange{}
		want := make([][]string, len(rows))
		for i := range rules {
			for _, series := range []string{"s0", "s1"} {
				for window, every := range map[string]time.Duration{"": 0, "2s": 2 * time.Second, "6s/3s": 3 * time.Second} {
					if window != "" && i < 5 {
						continue
					}
					key := rules[i].Name + series + window
					known[key] = model(&rules[i], series, window, rows, int64(maxGap+every))
					for _, c := range known[key] {
						want[c.row] = append(want[c.row], fmt.Sprint(rules[i].Name, series, c.t, c.active))
					}
					changes += len(known[key])
				}
			}
		}
		b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		now := time.Unix(1e9, 0)
		for i, row := range rows {
			got, notes := feed(t, p, b, row, &now)
			slices.Sort(got)
			slices.Sort(want[i])
			if d := cmp.Diff(strings.Join(want[i], "\n"), strings.Join(got, "\n")); d != "" {
				t.Fatalf("seed %d, row %d %+v: -want +got\n%s", seed, i, row, d)
			}
			var active []string
			for _, rule := range rules {
				if activeAt(known[rule.Name+row.series], i, row.t) || row.window != "" && activeAt(known[rule.Name+row.series+row.window], i, row.t) {
					active = append(active, rule.Name)
				}
			}
			if d := cmp.Diff(active, notes); d != "" && !row.silence {
				t.Fatalf("seed %d, row %d %+v: the rules on it: -want +got\n%s", seed, i, row, d)
			}
		}
	}
	if changes < 5_000 {
		t.Errorf("only %d changes were compared", changes)
	}
}

// feed gives a row to p, and returns the changes that it reports and the names of the rules on the row.
func feed(t *testing.T, p *Threshold, b *sdk.Batch, row modelRow, now *time.Time) (changes, notes []string) {
	t.Helper()
	b.Reset()
	var err error
	if row.silence {
		err = p.Flush(t.Context(), *now, false, b)
		*now = now.Add(time.Minute)
		if err == nil {
			err = p.Flush(t.Context(), *now, false, b)
		}
	} else {
		origin := b.Series("gpu", sdk.Tag{Key: "id", Value: row.series})
		m := b.Add(origin, row.t)
		if row.window != "" {
			b.Reset()
			m = b.Add(b.Catalog().With(origin, sdk.Tag{Key: vocabulary.TagWindow, Value: row.window}), row.t)
			m.SetOrigin(origin)
		}
		for _, name := range []string{"c", "a", "b", "b_mean", "a_mean", "c_mean"} {
			if v, ok := row.values[name]; ok {
				m.Float(name, v)
			}
		}
		err = p.Process(t.Context(), b)
	}
	if err != nil {
		t.Fatal(err)
	}
	event := false
	for m := range b.All() {
		switch m.Name() {
		case vocabulary.Event:
			event = true // what follows it has the time, which an event of another window may have moved
		case vocabulary.Threshold:
			if active, _ := m.Number("active"); event {
				changes = append(changes, fmt.Sprint(m.Tag(vocabulary.TagRule), m.Tag("id"), m.Time(), active == 1))
			}
			event = false
		case vocabulary.GPU:
			for _, tag := range m.Annotations().Tags() {
				notes = append(notes, tag.Key)
			}
		}
	}
	return changes, notes
}
