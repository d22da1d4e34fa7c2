package windowtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Processor is what is checked.
type Processor interface {
	sdk.Processor
	sdk.Flusher
}

// Check feeds a stream to p and to the model, a sample at a time with a flush now and then, and compares
// all that comes out: which samples are absorbed, late or passed on, which windows close behind which
// sample, what they say.
func Check(t *testing.T, p Processor, m *Model, seed uint64, step int64, samples int, keepLate bool) (results int) {
	t.Helper()
	stream, random := NewStream(seed, step), rand.New(rand.NewPCG(seed, 8)) //nolint:gosec // repeatable on purpose
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	now := int64(1e15)
	check := func(where string, got, want []Result) {
		results += len(got)
		if problem := differ(got, want); problem != "" {
			t.Fatalf("seed %d, %s: %s\n got %v\nwant %v", seed, where, problem, got, want)
		}
	}
	ctx := context.Background()
	for i := range samples {
		row := stream.Next()
		where := fmt.Sprintf("sample %d of %s at %d", i, row.Series, row.T)
		b.Reset()
		add(b, row)
		if err := p.Process(ctx, b); err != nil {
			t.Fatal(err)
		}
		want, read, late := m.Sample(row)
		if late && !keepLate {
			if b.Tally().Dropped() != 1 || b.Len() != 0 {
				t.Fatalf("seed %d, %s: it is late and not dropped", seed, where)
			}
			continue
		}
		got, first := collect(b)
		if first == nil || first.Absorbed() != (read && !late) {
			t.Fatalf("seed %d, %s: sample %+v; read %v, late %v", seed, where, first, read, late)
		}
		check(where, got, want)
		if random.IntN(20) == 0 {
			now += random.Int64N(2 * m.silence() / 5)
			if random.IntN(10) == 0 {
				now += m.silence()
			}
			b.Reset()
			if err := p.Flush(ctx, time.Unix(0, now), false, b); err != nil {
				t.Fatal(err)
			}
			got, _ = collect(b)
			check("flush after "+where, got, m.Flush(now, false))
		}
	}
	b.Reset()
	if err := p.Flush(ctx, time.Unix(0, now), true, b); err != nil {
		t.Fatal(err)
	}
	got, _ := collect(b)
	check("last flush", got, m.Flush(now, true))
	return results
}

// CheckMerge feeds a stream to a chain of processors and checks that their results merge as the engine
// merges them: one metric per window, and no field with two values.
func CheckMerge(t *testing.T, chain []Processor, seed uint64) {
	t.Helper()
	stream := NewStream(seed, 50e6)
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	merged := uint64(0)
	for i := range 40 {
		b.Reset()
		for range 25 {
			add(b, stream.Next())
		}
		b.Enter()
		for _, p := range chain {
			if err := p.Process(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		b.MergeResults()
		seen := map[string]bool{}
		for m := range b.All() {
			key := fmt.Sprint(m.Series(), m.Time())
			if m.Class() == sdk.ClassResult && seen[key] {
				t.Errorf("seed %d, batch %d: two results for %s", seed, i, key)
			}
			seen[key] = seen[key] || m.Class() == sdk.ClassResult
		}
		if n := b.Tally().Conflict; n > 0 {
			t.Errorf("seed %d, batch %d: %d conflicts", seed, i, n)
		}
		merged += b.Tally().Merged
	}
	if merged == 0 {
		t.Errorf("seed %d: nothing was merged", seed)
	}
}

// CheckLateElsewhere feeds a stream to first and then to second, and to alone, which is as second and makes results with
// that tag window: it checks that what is late for first is not late for second because of that.
func CheckLateElsewhere(t *testing.T, first, second, alone Processor, window string, seed uint64) {
	t.Helper()
	stream, catalog := NewStream(seed, 50e6), sdk.NewCatalog(sdk.Limits{})
	both, one := sdk.NewBatch(catalog), sdk.NewBatch(catalog)
	var late uint64
	for i := range 40 {
		both.Reset()
		one.Reset()
		for range 25 {
			row := stream.Next()
			add(both, row)
			add(one, row)
		}
		if err := first.Process(t.Context(), both); err != nil {
			t.Fatal(err)
		}
		late += both.Tally().Dropped()
		if err := errors.Join(second.Process(t.Context(), both), alone.Process(t.Context(), one)); err != nil {
			t.Fatal(err)
		}
		want, _ := collect(one)
		got, _ := collect(both)
		got = slices.DeleteFunc(got, func(r Result) bool { return r.Window != window })
		if problem := differ(got, want); problem != "" {
			t.Fatalf("seed %d, batch %d: %s\n got %v\nwant %v", seed, i, problem, got, want)
		}
	}
	if late == 0 {
		t.Errorf("seed %d: nothing was late", seed)
	}
}

func add(b *sdk.Batch, row Row) {
	m := b.Add(b.Series("gpu", sdk.Tag{Key: "id", Value: row.Series}), row.T)
	for _, name := range slices.Sorted(maps.Keys(row.Fields)) {
		v := row.Fields[name]
		m.Set(sdk.Field{Name: name, Type: v.Type(), Kind: Kind(name)}, v)
	}
}

// collect returns the results in b, and the sample.
func collect(b *sdk.Batch) (results []Result, sample *sdk.Metric) {
	for m := range b.All() {
		if m.Class() != sdk.ClassResult {
			sample = m
			continue
		}
		r := Result{Series: m.Tag("id"), Window: m.Tag("window"), Part: m.Tag("part"), T: m.Time(), Fields: map[string]any{}}
		for slot := range m.Len() {
			switch v := m.Value(slot); v.Type() {
			case sdk.Float:
				r.Fields[m.Field(slot).Name] = v.Float()
			case sdk.Int:
				r.Fields[m.Field(slot).Name] = v.Int()
			default:
				r.Fields[m.Field(slot).Name] = v.String()
			}
		}
		results = append(results, r)
	}
	return results, sample
}

func differ(got, want []Result) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d results, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Series != w.Series || g.T != w.T || g.Part != w.Part {
			return fmt.Sprintf("result %d is %s %d part %q, want %s %d part %q", i, g.Series, g.T, g.Part, w.Series, w.T, w.Part)
		}
		for name := range maps.Keys(w.Fields) {
			if _, ok := g.Fields[name]; !ok {
				return fmt.Sprintf("result %d at %d lacks %s", i, g.T, name)
			}
		}
		for name, v := range g.Fields {
			if !near(v, w.Fields[name]) {
				return fmt.Sprintf("result %d at %d: %s = %v, want %v", i, g.T, name, v, w.Fields[name])
			}
		}
	}
	return ""
}

// near reports whether two values are equal to 1e-12 of their size; sums that come to 0 are compared to
// the size of what was summed, which is about 1.
func near(got, want any) bool {
	g, ok := got.(float64)
	w, both := want.(float64)
	if !ok || !both {
		return got == want
	}
	return math.Abs(g-w) <= 1e-12*math.Max(1, math.Max(math.Abs(g), math.Abs(w)))
}
