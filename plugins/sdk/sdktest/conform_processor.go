package sdktest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Trait is something that a processor may do and most do not.
type Trait int

const (
	// ReadsResults says that the processor reads metrics that are no samples, or changes them.
	ReadsResults Trait = iota
	// AddsUnasked says that the processor adds metrics though it has seen none.
	AddsUnasked
)

// TestProcessor checks that the processor that build makes keeps the contract. stream is text for
// [Parse]: metrics that make the processor do all that it can; a few dozen are enough.
//
// It checks that
//   - what comes out, to the byte, does not depend on how the stream is cut into batches;
//   - every row that goes in comes out once, or is dropped, merged or filtered and counted as such;
//   - metrics that are no samples pass unchanged and change nothing (but see [ReadsResults]);
//   - samples that another window has absorbed are read all the same;
//   - rows and fields that a filter hides are neither read nor changed;
//   - an empty batch, a second final flush, and rows that nobody has thought of (see [AddHostile]) do
//     no harm; and that no goroutine is left after Close.
func TestProcessor(t *testing.T, build func(t testing.TB) sdk.Processor, stream string, traits ...Trait) {
	t.Helper()
	lines := Lines(stream)
	across(t, func(t *testing.T, l *link) {
		f := func(name string, check func(t *testing.T, run func(feeding) []string)) {
			t.Run(name, func(t *testing.T) {
				check(t, func(c feeding) []string { return play(t, build(t), l, c) })
			})
		}
		f("cuts", func(t *testing.T, run func(feeding) []string) { checkCuts(t, lines, run) })
		f("absorbed before", func(t *testing.T, run func(feeding) []string) { checkAbsorbed(t, lines, run) })
		f("hostile rows", func(t *testing.T, run func(feeding) []string) {
			run(feeding{hostile: true})
			run(feeding{batches: [][]string{lines}, hostile: true})
			b := sdk.NewBatch(l.near)
			AddHostile(b)
			checkCuts(t, append(slices.Clone(lines), DumpFull(b)...), run)
		})
		if !slices.Contains(traits, ReadsResults) {
			f("other classes", func(t *testing.T, run func(feeding) []string) { checkOthers(t, lines, run) })
		}
		if !slices.Contains(traits, AddsUnasked) {
			f("hidden rows", func(t *testing.T, run func(feeding) []string) {
				want := run(feeding{batches: [][]string{lines}, idle: true})
				got := run(feeding{batches: [][]string{lines}, see: func(*sdk.Metric) bool { return false }})
				if d := differ(want, got); d != "" {
					t.Errorf("with all rows hidden: -want +got\n%s", d)
				}
			})
			f("hidden fields", func(t *testing.T, run func(feeding) []string) {
				in := run(feeding{batches: [][]string{lines}, idle: true})
				none := func(sdk.Field) bool { return false }
				for _, line := range run(feeding{batches: [][]string{lines}, keep: none}) {
					if strings.Contains(line, " class=result") && !slices.Contains(in, line) {
						t.Errorf("a result though all fields are hidden: %s", line)
					}
				}
			})
		}
		t.Run("unused", func(t *testing.T) { start(t, build(t), l) })
	})
}

// feeding says how a stream is fed to a processor.
type feeding struct {
	batches [][]string // lines of each batch
	merge   bool       // merge results as the engine does after a chain
	hostile bool       // end with a batch of AddHostile
	idle    bool       // leave the processor out: what would come out if it did nothing

	see  func(*sdk.Metric) bool // rows that a filter shows; nil for all
	keep func(sdk.Field) bool   // fields that a filter shows; nil for all
}

// play feeds the stream to p as the engine would and returns what comes out.
func play(t *testing.T, p sdk.Processor, l *link, c feeding) []string {
	t.Helper()
	if !c.idle {
		defer start(t, p, l)() // a process for each run would be many at once
	}
	b := sdk.NewBatch(l.near) // one for all, as an engine uses it again
	out := []string{}
	step := func(what string, call func(*sdk.Batch) error) int {
		b.Enter()
		if c.see != nil || c.keep != nil {
			b.Limit(c.sees, c.mask)
		}
		var err error
		within(t, what, func() { err = l.call(t, b, call) })
		if err != nil && !c.hostile {
			t.Errorf("%s: %v", what, err)
		}
		b.Unlimit()
		if c.merge {
			b.MergeResults()
		}
		checkLedger(t, b)
		lines := DumpFull(b)
		out = append(out, lines...)
		return len(lines)
	}
	process := func(b *sdk.Batch) error {
		if c.idle {
			return nil
		}
		return p.Process(t.Context(), b)
	}
	for _, lines := range c.batches {
		b.Reset()
		Parse(t, b, strings.Join(lines, "\n"))
		step("Process", process)
	}
	if c.hostile {
		b.Reset()
		AddHostile(b)
		step("Process", process)
	}
	f, ok := p.(sdk.Flusher)
	if !ok || c.idle {
		return out
	}
	flush := func(b *sdk.Batch) error { return f.Flush(t.Context(), time.Unix(0, 0), true, b) }
	b.Reset()
	step("Flush", flush)
	b.Reset()
	if n := step("the second Flush", flush); n > 0 {
		t.Errorf("a second final Flush adds %d rows", n)
	}
	return out
}

func (c *feeding) sees(m *sdk.Metric) bool { return c.see == nil || c.see(m) }

func (c *feeding) mask(s *sdk.Schema) *sdk.Mask {
	if c.keep == nil {
		return nil
	}
	return sdk.NewMask(s, c.keep)
}

// cutEvery cuts lines into batches of n, and puts an empty batch between them now and then.
func cutEvery(lines []string, n int) [][]string {
	var batches [][]string
	for batch := range slices.Chunk(lines, n) {
		batches = append(batches, batch)
		if len(batches)%3 == 0 {
			batches = append(batches, nil)
		}
	}
	return batches
}

func cutAtRandom(lines []string, seed uint64) [][]string {
	random := rand.New(rand.NewPCG(seed, 0))
	var batches [][]string
	for len(lines) > 0 {
		n := min(random.IntN(9), len(lines))
		batches = append(batches, lines[:n])
		lines = lines[n:]
	}
	return batches
}

func checkCuts(t *testing.T, lines []string, run func(feeding) []string) {
	t.Helper()
	for _, merge := range []bool{false, true} {
		want := run(feeding{batches: [][]string{lines}, merge: merge})
		check := func(name string, batches [][]string) {
			if d := differ(want, run(feeding{batches: batches, merge: merge})); d != "" {
				t.Fatalf("%s, results merged: %v: -one batch +cut\n%s", name, merge, d)
			}
		}
		for _, n := range []int{1, 2, 3, 7} {
			check(fmt.Sprintf("cut into batches of %d", n), cutEvery(lines, n))
		}
		for seed := range uint64(3) {
			check(fmt.Sprintf("cut at random, seed %d", seed), cutAtRandom(lines, seed))
		}
	}
}

func checkAbsorbed(t *testing.T, lines []string, run func(feeding) []string) {
	t.Helper()
	marked := make([]string, len(lines))
	for i, line := range lines {
		if marked[i] = line; !strings.Contains(line, " absorbed") {
			marked[i] += " absorbed"
		}
	}
	strip := func(lines []string) []string {
		for i, line := range lines {
			lines[i] = strings.Replace(line, " absorbed", "", 1)
		}
		return lines
	}
	want := strip(run(feeding{batches: [][]string{lines}}))
	if d := differ(want, strip(run(feeding{batches: [][]string{marked}}))); d != "" {
		t.Errorf("samples that are absorbed already are read otherwise: -unmarked +marked\n%s", d)
	}
}

// checkOthers puts metrics that are no samples between the lines: they must come out as they are, and
// all else as if they had not been there.
func checkOthers(t *testing.T, lines []string, run func(feeding) []string) {
	t.Helper()
	var mixed, others []string
	for i, line := range lines {
		mixed = append(mixed, line)
		words := split(line, ' ')
		class := [...]string{"result", "event", "info"}[i%3]
		other := fmt.Sprintf("%s %s,sdktest_other=%di %s class=%s", words[0], words[1], i, words[2], class)
		if words[1] == "-" {
			other = strings.Replace(other, "-,", "", 1)
		}
		mixed, others = append(mixed, other), append(others, other)
	}
	others = run(feeding{batches: [][]string{others}, idle: true})
	want := run(feeding{batches: [][]string{lines}})
	var rest, passed []string
	for _, line := range run(feeding{batches: [][]string{mixed}}) {
		if slices.Contains(others, line) {
			passed = append(passed, line)
		} else {
			rest = append(rest, line)
		}
	}
	if d := differ(others, passed); d != "" {
		t.Errorf("metrics that are no samples do not pass unchanged: -in +out\n%s", d)
	}
	if d := differ(want, rest); d != "" {
		t.Errorf("metrics that are no samples have an effect: -without +with\n%s", d)
	}
}
