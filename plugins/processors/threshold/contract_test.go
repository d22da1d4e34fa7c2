package threshold

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

const stream = `
	gpu,gpu_index=0 temperature_celsius=81,power_watts=300,name="a",ok=true 500ms
	gpu,gpu_index=1 temperature_celsius=70,power_watts=100 500ms
	gpu,gpu_index=0 temperature_celsius=82,power_watts=310 6s
	gpu,gpu_index=0 power_watts=320 8s
	gpu,gpu_index=0 temperature_celsius=83 10500ms
	gpu,gpu_index=0,window=10s power_watts_mean=310,temperature_celsius_mean=82 10s origin=gpu,gpu_index=0
	gpu,gpu_index=0,window=10s power_watts_max=320 10s origin=gpu,gpu_index=0
	gpu,gpu_index=0 temperature_celsius=60 9s
	gpu,gpu_index=0 temperature_celsius=76 11s
	gpu,gpu_index=1 temperature_celsius=90,power_watts=100,xid=79i 11s
	gpu,gpu_index=0,window=10s,part=tail power_watts_mean=1 15s origin=gpu,gpu_index=0
	gpu_event,code=79,event=xid,gpu_index=1,severity=critical message="off" 11s class=event
	gpu,gpu_index=0 temperature_celsius=74,power_watts=NaN 20s notes=x=y
	gpu,gpu_index=0,window=10s power_watts_mean=100,temperature_celsius_mean=80 20s origin=gpu,gpu_index=0
	gpu,gpu_index=0 temperature_celsius=90 100s
	gpu,gpu_index=0 temperature_celsius=91 111s
	other temperature_celsius=91 111s
	gpu,gpu_index=0 power_watts=1 200s`

func several(t testing.TB) *Threshold {
	hot := thermal()
	hot.Tags["severity"] = "critical"
	return build(t, hot, bare("power", "power_watts / 2 > 150 and temperature_celsius > 0"),
		bare("mean", `power_watts_mean > 300 and power_watts_max > 300 and window == "10s"`),
		Rule{Name: "mute", Metric: "gpu", When: `xid in (48, 79) or name == "a"`},
		Rule{Name: "event", Metric: "gpu_event", When: `code == "79"`, For: time.Second})
}

func TestContract(t *testing.T) {
	sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { return several(t) }, stream, sdktest.ReadsResults)
}

// TestChain runs rules behind the windows that make what they read, however the samples are cut.
func TestChain(t *testing.T) {
	windows := func() (a, p sdk.Processor) {
		a, err := average.New(average.Definition().NewConfig().(*average.Config))
		if err != nil {
			t.Fatal(err)
		}
		c := peak.Definition().NewConfig().(*peak.Config)
		c.Evidence = false
		p, err = peak.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return a, p
	}
	play := func(size int, peakFirst bool) []string {
		a, p := windows()
		chain := []sdk.Processor{a, p}
		if peakFirst {
			chain = []sdk.Processor{p, a}
		}
		chain = append(chain, build(t, bare("mean", "x_mean > 5"), bare("max", "x_max > 5"), bare("both", "x_max > 5 and x_mean < 5"), bare("now", "x > 5")))
		b, out := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{})), []string{}
		for i := 0; i < 45; i += size {
			b.Reset()
			for k := i; k < min(i+size, 45); k++ {
				v := [...]float64{9, 9, 1, 1, 1}[k/10]
				if k == 25 {
					v = 30
				}
				b.Add(b.Series("gpu"), int64(k)*1e9+1).Float("x", v)
			}
			b.Enter()
			for _, p := range chain {
				if err := p.Process(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			b.MergeResults()
			for m := range b.All() {
				if m.Class() == sdk.ClassResult {
					out = append(out, fmt.Sprint(m.Time()/1e9, m.Annotations().Tags()))
				}
			}
		}
		return out
	}
	// The first window was not seen whole, since its first sample is 1 ns late: it is not judged. Of the
	// others the first rule that is active gives its alert.
	want := []string{"10 [{alert now}]", "20 [{alert mean}]", "30 [{alert max}]", "40 []"}
	for _, size := range []int{1, 7, 45} {
		for _, peakFirst := range []bool{false, true} {
			if d := cmp.Diff(want, play(size, peakFirst)); d != "" {
				t.Errorf("batches of %d, peak first %v: -want +got\n%s", size, peakFirst, d)
			}
		}
	}
}

func TestFinalFlushAddsNothing(t *testing.T) {
	p := several(t)
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), stream)
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b.Reset()
		if err := p.Flush(t.Context(), time.Now().Add(time.Hour), true, b); err != nil || b.Len() > 0 {
			t.Errorf("%v, %v", sdktest.Dump(b), err)
		}
	}
}

// TestSeriesThatLeave ends the rules of what left the catalog, and starts anew when it comes back.
func TestSeriesThatLeave(t *testing.T) {
	catalog := sdk.NewCatalog(sdk.Limits{Idle: time.Minute})
	p, b := build(t, bare("r", "x > 1")), sdk.NewBatch(catalog)
	step := func(at string) []string {
		b.Reset()
		sdktest.Parse(t, b, at)
		if err := p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		return sdktest.Dump(b)
	}
	now := time.Unix(0, 0)
	catalog.Sweep(now)
	first := step("gpu,gpu_index=0 x=2 1s")
	step("gpu,gpu_index=1 x=2 1s")
	if len(p.subjects) != 2 || len(first) != 3 {
		t.Fatalf("%d subjects; %v", len(p.subjects), first)
	}
	for range 3 {
		now = now.Add(50 * time.Second)
		catalog.Sweep(now)
		b.Reset()
		b.Add(b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: "1"}), 2e9).Float("x", 2)
		if err := p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.subjects) != 1 || len(p.order) != 1 {
		t.Errorf("%d subjects, %d in order", len(p.subjects), len(p.order))
	}
	if again := step("gpu,gpu_index=0 x=2 1s"); len(again) != 3 {
		t.Errorf("what came back: %v", again)
	}
}

func TestChangesAreBounded(t *testing.T) {
	st := state{rule: &rule{}}
	s := subject{active: newSet(1)}
	for i := range 10 * maxChanges {
		s.flip(&st, int64(i))
	}
	if len(st.changes) > maxChanges {
		t.Errorf("%d changes", len(st.changes))
	}
	last := int64(10*maxChanges - 1)
	if st.active || st.activeAt(last) || !st.activeAt(last-1) || st.activeAt(last-2) || s.changed != last {
		t.Error("the newest changes are not remembered")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	p, fill := rig(t, false)
	step := func() {
		if err := p.Process(context.Background(), fill()); err != nil {
			t.Error(err)
		}
	}
	for range 200 {
		step()
	}
	if n := testing.AllocsPerRun(500, step); n > 0 {
		t.Errorf("%v allocations for 8 samples, 8 results and 10 rules", n)
	}
}

// rig returns ten rules and what fills a batch with samples of 8 GPUs with 20 fields, and a result of each.
// Some rules are active; with changes, two of them change now and then.
func rig(tb testing.TB, changes bool) (*Threshold, func() *sdk.Batch) {
	rules := []Rule{
		thermal(),
		bare("busy", "utilization_ratio > 98%"),
		bare("full", "memory_used_bytes > 90% * memory_total_bytes"),
		bare("capped", "throttle_reasons has sw_power"),
		bare("hw", "throttle_reasons has 0xe8"),
		bare("power", "power_watts > 300W and utilization_ratio > 50%"),
		bare("xid", "xid in (48, 62, 64, 74, 79, 95, 119, 120)"),
		bare("gone", "up == 0"),
		bare("one", `gpu_index == "0" and pstate == 0`),
		bare("mean", `power_watts_mean > 300 and window == "10s"`),
	}
	rules[1].For = time.Minute
	p := build(tb, rules...)
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	names := []string{
		"utilization_ratio", "memory_activity_ratio", "memory_used_bytes", "memory_total_bytes", "power_watts", "temperature_celsius",
		"memory_temperature_celsius", "clock_sm_hertz", "clock_memory_hertz", "pstate", "throttle_reasons", "up", "xid",
		"encoder_ratio", "decoder_ratio", "pcie_tx_bytes", "pcie_rx_bytes", "energy_joules", "fan_ratio", "power_limit_watts",
	}
	values := []float64{0.99, 0.5, 60e9, 80e9, 350, 82, 80, 1.9e9, 2e9, 0, 4, 1, 0, 0, 0, 1e9, 1e9, 1e6, 0.3, 700}
	fields := make([]sdk.Field, len(names))
	for i, name := range names {
		fields[i] = sdk.Field{Name: name, Type: sdk.Float}
	}
	mean := sdk.Field{Name: "power_watts_mean", Type: sdk.Float}
	var gpus, results []*sdk.Series
	for i := range 8 {
		index := sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i)}
		gpus = append(gpus, b.Series("gpu", index))
		results = append(results, b.Series("gpu", index, sdk.Tag{Key: "window", Value: "10s"}))
	}
	at := int64(1e18)
	return p, func() *sdk.Batch {
		b.Reset()
		at += 1e8
		for i, s := range gpus {
			m := b.Add(s, at)
			for k, f := range fields {
				v := values[k]
				if changes && k == 5 && at/1e10%7 == int64(i) {
					v = 60
				}
				m.SetNumber(f, v)
			}
			r := b.Add(results[i], at)
			r.SetOrigin(s)
			if r.SetNumber(mean, 400); changes {
				r.SetNumber(mean, float64(at/1e10%2*400))
			}
		}
		return b
	}
}

func BenchmarkProcess(bm *testing.B) {
	p, fill := rig(bm, true)
	for range 1000 {
		if err := p.Process(bm.Context(), fill()); err != nil {
			bm.Fatal(err)
		}
	}
	bm.ReportAllocs()
	bm.ResetTimer()
	for bm.Loop() {
		bm.StopTimer()
		b := fill()
		bm.StartTimer()
		if err := p.Process(bm.Context(), b); err != nil {
			bm.Fatal(err)
		}
	}
	perBatch := float64(bm.Elapsed().Nanoseconds()) / float64(bm.N)
	bm.ReportMetric(perBatch/(8*9+8), "ns/rule") // nine rules read a sample, one reads a result
	bm.ReportMetric(perBatch/16, "ns/row")
}
