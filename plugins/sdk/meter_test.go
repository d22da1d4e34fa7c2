package sdk

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

func totals(m *Meter) string {
	var all []string
	for total := range m.Totals() {
		all = append(all, fmt.Sprintf("%s%v %v=%v", total.Name, total.Tags, total.Kind, total.Value))
	}
	return strings.Join(all, "; ")
}

func TestMeter(t *testing.T) {
	m := NewMeter(Tag{"plugin", "x"})
	reads := m.Counter("gpuline_reads_total", "Reads.", Tag{"dir", "in"})
	reads.Add(2)
	m.Gauge("gpuline_queue_bytes", "bytes", "Bytes.").Set(7.5)
	m.Counter("gpuline_reads_total", "Reads.", Tag{"dir", "out"}).Add(1)
	if m.Counter("gpuline_reads_total", "Reads.", Tag{"dir", "in"}) != reads {
		t.Error("the same figure is another")
	}
	want := "gpuline_reads_total[{dir in} {plugin x}] counter=2; gpuline_queue_bytes[{plugin x}] gauge=7.5; " +
		"gpuline_reads_total[{dir out} {plugin x}] counter=1"
	if got := totals(m); got != want {
		t.Errorf("totals\n%s\nwant\n%s", got, want)
	}
	for range m.Totals() {
		break
	}
}

func TestSuccessorCountsOn(t *testing.T) {
	m := NewMeter(Tag{"plugin", "x"})
	reads := m.Counter("gpuline_reads_total", "Reads.")
	reads.Add(2)
	m.Gauge("gpuline_queue_bytes", "bytes", "Bytes.").Set(7.5)
	next := m.Successor()
	next.Counter("gpuline_reads_total", "Reads.").Add(1)
	next.Gauge("gpuline_open_files", "", "Files.").Set(3)
	reads.Add(1) // by the plugin that still ends
	if got, want := totals(next), "gpuline_reads_total[{plugin x}] counter=4; gpuline_open_files[{plugin x}] gauge=3"; got != want {
		t.Errorf("totals\n%s\nwant\n%s", got, want)
	}
}

func TestANilMeterTakesEverything(t *testing.T) {
	var m *Meter
	n := m.Counter("gpuline_x_total", "X.")
	n.Add(1)
	if n.Get() != 1 || totals(m) != "" {
		t.Errorf("%v, %q", n.Get(), totals(m))
	}
}

func TestMeterTakesNoOddNumbers(t *testing.T) {
	n := NewMeter().Counter("gpuline_x_total", "X.")
	for _, v := range []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), 2} {
		n.Add(v)
	}
	if n.Get() != 3 {
		t.Errorf("%v, want 3", n.Get())
	}
}

func TestMeterCountsConcurrently(t *testing.T) {
	m := NewMeter()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for range 1000 {
				m.Counter("gpuline_x_total", "X.").Add(1)
				m.Counter("gpuline_y_total", "Y.", Tag{"g", fmt.Sprint(g)}).Add(0.5)
				totals(m)
			}
		})
	}
	all.Wait()
	if got := m.Counter("gpuline_x_total", "X.").Get(); got != 4000 {
		t.Errorf("%v, want 4000", got)
	}
}

func TestTally(t *testing.T) {
	var y Tally
	y.AddDrops(DropLate, 2)
	y.AddDrops(DropPanic, 0)
	y.AddDrops(DropInvalid, 1)
	y.AddDrops(DropLate, 3)
	y.Plus(&Tally{Added: 1, Absorbed: 2, Filtered: 3, Merged: 4, Conflict: 5, Drops: []Drop{{DropInvalid, 1}, {"own", 1}}})
	want := "{Added:1 Absorbed:2 Filtered:3 Merged:4 Conflict:5 Drops:[{Reason:late Count:5} {Reason:invalid Count:2} {Reason:own Count:1}]}"
	if got := fmt.Sprintf("%+v", y); got != want || y.Dropped() != 8 {
		t.Errorf("%s, %d dropped", got, y.Dropped())
	}
	y.Reset()
	if y.Dropped() != 0 || y.Added != 0 || len(y.Drops) != 0 {
		t.Errorf("%+v", y)
	}
}

func TestTakeTallyStartsAnew(t *testing.T) {
	b := NewBatch(NewCatalog(Limits{}))
	var into Tally
	for range 2 {
		b.Drop(b.Add(b.Series("s"), 1), DropLate)
		b.TakeTally(&into)
		if b.Tally().Added != 0 || b.Tally().Dropped() != 0 {
			t.Errorf("left: %+v", *b.Tally())
		}
	}
	if into.Added != 2 || into.Dropped() != 2 {
		t.Errorf("taken: %+v", into)
	}
}
