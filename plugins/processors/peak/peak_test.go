package peak

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func defaults() *Config { return Definition().NewConfig().(*Config) }

func build(t testing.TB, set func(*Config)) *Peak {
	t.Helper()
	c := defaults()
	set(c)
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWindows(t *testing.T) {
	f := func(name string, set func(*Config), in, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			p, b := build(t, set), sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), in)
			got := []string{}
			collect := func(err error) {
				if err != nil {
					t.Fatal(err)
				}
				for m := range b.All() {
					if m.Class() == sdk.ClassResult {
						got = append(got, sdktest.Line(m))
					}
				}
			}
			collect(p.Process(t.Context(), b))
			b.Reset()
			collect(p.Flush(t.Context(), time.Time{}, true, b))
			if diff := cmp.Diff(sdktest.Lines(want), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	bare := func(c *Config) { c.Evidence = false }
	above := func(c *Config) { c.Evidence, c.Above = false, map[string]float64{"x": 10} }
	f("a peak, when it was first reached, and the evidence", func(*Config) {}, `
		g x=1,n=5i 0s
		g x=7,n=9i 2s
		g x=7,n=9i 3s
		g x=1 7s
		g x=1 11s`, `
		g,window=10s x_max=7,x_max_time=2000000000i,x_samples=4i,x_resolution_seconds=4,n_max=9i,n_max_time=2000000000i,n_samples=3i,n_resolution_seconds=7 10000000000 class=result origin=g
		g,part=tail,window=10s x_max=1,x_max_time=11000000000i,x_samples=1i,x_resolution_seconds=9,n_samples=0i,n_resolution_seconds=10 20000000000 class=result origin=g`)
	f("the example in README.md", func(c *Config) { c.Above = map[string]float64{"utilization_ratio": 0.95} }, `
		gpu utilization_ratio=0.30 0s
		gpu utilization_ratio=0.99 6s
		gpu utilization_ratio=0.97 6500ms
		gpu utilization_ratio=0.20 7s
		gpu utilization_ratio=0.25 11s`, `
		gpu,window=10s utilization_ratio_max=0.99,utilization_ratio_max_time=6000000000i,utilization_ratio_above_seconds=1,utilization_ratio_excursions=1i,utilization_ratio_samples=4i,utilization_ratio_resolution_seconds=6 10000000000 class=result origin=gpu
		gpu,part=tail,window=10s utilization_ratio_max=0.25,utilization_ratio_max_time=11000000000i,utilization_ratio_above_seconds=0,utilization_ratio_excursions=0i,utilization_ratio_samples=1i,utilization_ratio_resolution_seconds=9 20000000000 class=result origin=gpu`)
	f("the least, too", func(c *Config) { c.Min, c.Evidence = true, false }, `
		g x=1 0s
		g x=-7 2s
		g x=1 11s`, `
		g,window=10s x_max=1,x_max_time=0i,x_min=-7 10000000000 class=result origin=g
		g,part=tail,window=10s x_max=1,x_max_time=11000000000i,x_min=1 20000000000 class=result origin=g`)
	f("what is carried in is no peak, but held above, and no new excursion", above, `
		g x=1 0s
		g x=20 8s
		g x=20 9s
		g x=1 12s
		g x=11 13s
		g x=10 14s
		g x=30 15s
		g x=30 21s`, `
		g,window=10s x_max=20,x_max_time=8000000000i,x_above_seconds=2,x_excursions=1i 10000000000 class=result origin=g
		g,window=10s x_max=30,x_max_time=15000000000i,x_above_seconds=8,x_excursions=2i 20000000000 class=result origin=g
		g,part=tail,window=10s x_max=30,x_max_time=21000000000i,x_above_seconds=1,x_excursions=0i 30000000000 class=result origin=g`)
	f("a window that only a held value covers", func(c *Config) { c.Above = map[string]float64{"x": 10} }, `
		g x=20 0s
		g x=1 21s`, `
		g,window=10s x_max=20,x_max_time=0i,x_above_seconds=10,x_excursions=1i,x_samples=1i,x_resolution_seconds=10 10000000000 class=result origin=g
		g,window=10s x_above_seconds=10,x_excursions=0i,x_samples=0i,x_resolution_seconds=10 20000000000 class=result origin=g
		g,part=tail,window=10s x_max=1,x_max_time=21000000000i,x_above_seconds=1,x_excursions=0i,x_samples=1i,x_resolution_seconds=9 30000000000 class=result origin=g`)
	f("without evidence it says nothing", bare, `
		g x=20,name="a" 0s
		g x=1,name="b" 21s`, `
		g,window=10s x_max=20,x_max_time=0i,name="a" 10000000000 class=result origin=g
		g,part=tail,window=10s x_max=1,x_max_time=21000000000i,name="b" 30000000000 class=result origin=g`)
	f("what was held no more is a new excursion", func(c *Config) { above(c); c.MaxGap = time.Second }, `
		g x=20 0s
		g x=20 5s
		g x=20 11s`, `
		g,window=10s x_max=20,x_max_time=0i,x_above_seconds=2,x_excursions=2i 10000000000 class=result origin=g
		g,part=tail,window=10s x_max=20,x_max_time=11000000000i,x_above_seconds=0,x_excursions=1i 20000000000 class=result origin=g`)
	f("counters travel along, and the ends of types are kept", bare, `
		g c_total=5i,n=9223372036854775807i,u=18446744073709551615u 0s
		g c_total=9223372036854775807i 1s
		g c_total=1i 11s`, `
		g,window=10s n_max=9223372036854775807i,n_max_time=0i,u_max=18446744073709551615u,u_max_time=0i,c_total=9223372036854775807i 10000000000 class=result origin=g
		g,part=tail,window=10s c_total=1i 20000000000 class=result origin=g`)
}

const stream = `
	gpu,gpu_index=0 power_watts=300.5,energy_joules=1000,n=3i,state:info=1i,name="a" 500ms
	gpu,gpu_index=1 power_watts=100,energy_joules=1000,n=3i 500ms
	gpu,gpu_index=0 power_watts=310,energy_joules=1200,n=4i,state:info=2i,name="b" 1s
	gpu,gpu_index=0 power_watts=320,n=9i 1800ms
	gpu,gpu_index=0 power_watts=305,n=1i 1200ms
	gpu,gpu_index=1 power_watts=100,energy_joules=1100,n=3i 2s
	gpu,gpu_index=0 power_watts=NaN,energy_joules=1500,ok=true 3500ms
	gpu,gpu_index=0 ok=false 3600ms
	gpu,gpu_index=0 power_watts=330,energy_joules=100 6s
	gpu,gpu_index=0 power_watts=1 500ms
	gpu,gpu_index=1 power_watts=400,energy_joules=1300 7s
	gpu,gpu_index=1 power_watts=400,energy_joules=1400 7s
	other y=1 9s
	gpu,gpu_index=0 power_watts=340,energy_joules=400,extra=1 12s
	gpu,gpu_index=0 power_watts=350,energy_joules=500 100s`

func TestContract(t *testing.T) {
	f := func(name string, set func(*Config)) {
		t.Run(name, func(t *testing.T) {
			sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { return build(t, set) }, stream)
		})
	}
	f("tumbling", func(c *Config) { c.Period = time.Second })
	f("sliding", func(c *Config) {
		c.Period, c.Every, c.Late, c.Min = 2*time.Second, time.Second, "keep", true
		c.Above = map[string]float64{"power_watts": 305}
	})
}

func TestFaults(t *testing.T) {
	f := func(set func(*Config), want string) {
		t.Helper()
		c := defaults()
		set(c)
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	f(func(c *Config) { c.Above = map[string]float64{"x": math.NaN()} }, "`above.x`: NaN is not a level")
	level := func(name string, v float64) func(*Config) {
		return func(c *Config) { c.Above = map[string]float64{name: v} }
	}
	f(level("utilization_ratio", 95), "`above.utilization_ratio`: is never above 95: write 0.95 for 95 %")
	f(level("utilization_ratio", 950), "`above.utilization_ratio`: is never above 950: it is at most 1")
	f(level("utilisation_ratio", 0.95), "`above.utilisation_ratio`: there is no field of that name: did you mean `utilization_ratio`?")
	f(level("energy_joules", 5), "`above.energy_joules`: is no gauge: only of those windows tell the time above a level")
	f(level("pstate", 5), "`above.pstate`: is no gauge: only of those windows tell the time above a level")
	for _, name := range []string{"latency_seconds", "cue_length_seconds", "level", "ratio"} {
		c := defaults()
		level(name, 95)(c)
		if err := c.Validate(); err != nil {
			t.Errorf("a field that some input may have: %v", err)
		}
	}
	f(func(c *Config) { c.Every = time.Minute }, "`every`: is longer than the period of 10s: samples between windows would be lost: make it at most the period")
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	p := build(t, func(c *Config) {
		c.Period, c.Every, c.Min, c.Above = time.Minute, time.Second, true, map[string]float64{"power_watts": 500}
	})
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	s, at := b.Series("gpu"), int64(0)
	step := func() {
		b.Reset()
		for range 200 {
			m := b.Add(s, at)
			m.Float("power_watts", float64(at%977))
			m.Text("state", "P0")
			at += 50e6
		}
		if err := p.Process(context.Background(), b); err != nil {
			t.Error(err)
		}
	}
	for range 20 {
		step()
	}
	if n := testing.AllocsPerRun(50, step); n > 0 {
		t.Errorf("%v allocations for 200 samples and 10 windows", n)
	}
}
