package average

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func defaults() *Config { return Definition().NewConfig().(*Config) }

// run feeds lines to a processor and returns what comes out, without the samples; -- stands between what
// Process and the last Flush give.
func run(t *testing.T, set func(*Config), text string) []string {
	t.Helper()
	c := defaults()
	set(c)
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), text)
	out := []string{}
	collect := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for m := range b.All() {
			if m.Class() == sdk.ClassResult {
				out = append(out, sdktest.Line(m))
			}
		}
	}
	collect(a.Process(t.Context(), b))
	out = append(out, "--")
	b.Reset()
	collect(a.Flush(t.Context(), time.Time{}, true, b))
	return out
}

func TestWindows(t *testing.T) {
	none := func(*Config) {}
	f := func(name string, set func(*Config), in, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if diff := cmp.Diff(sdktest.Lines(want), run(t, set, in)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	f("a sample holds until the next", none, `
		g x=1 0s
		g x=5 8s
		g x=9 11s`, `
		g,window=10s x_mean=1.8 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=5 20000000000 class=result origin=g`)
	f("the example in README.md", none, `
		gpu power_watts=100 0s
		gpu power_watts=500 6s
		gpu power_watts=100 7s
		gpu power_watts=120 11s`, `
		gpu,window=10s power_watts_mean=140 10000000000 class=result origin=gpu
		--
		gpu,part=tail,window=10s power_watts_mean=100 20000000000 class=result origin=gpu`)
	f("each sample counts once", func(c *Config) { c.Weight = "sample" }, `
		g x=1 0s
		g x=5 8s
		g x=9 11s`, `
		g,window=10s x_mean=3 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=9 20000000000 class=result origin=g`)
	f("the first window is a head unless its start was seen", none, `
		g x=1 5s
		g x=3 7500ms
		g x=9 11s`, `
		g,part=head,window=10s x_mean=2 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=3 20000000000 class=result origin=g`)
	f("a sample on the edge belongs to what follows", none, `
		g x=1 0s
		g x=100 10s
		g x=100 12s`, `
		g,window=10s x_mean=1 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=100 20000000000 class=result origin=g`)
	f("a held value is the mean of a window without samples, for max_gap", func(c *Config) { c.MaxGap = 15 * time.Second }, `
		g x=1,c_total=1 2s
		g x=3,c_total=9 45s`, `
		g,part=head,window=10s x_mean=1,c_total=1 10000000000 class=result origin=g
		g,window=10s x_mean=1 20000000000 class=result origin=g
		--
		g,part=both,window=10s x_mean=3,c_total_rate=0.18604651162790697,c_total=9 50000000000 class=result origin=g`)
	f("without order", none, `
		g x=5 8s
		g x=1 0s
		g x=9 11s`, `
		g,window=10s x_mean=1.8 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=5 20000000000 class=result origin=g`)
	f("the last of equal times holds", none, `
		g x=1 0s
		g x=2 0s
		g x=2 11s`, `
		g,window=10s x_mean=2 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=2 20000000000 class=result origin=g`)
	f("all statistics", func(c *Config) { c.Stats = []string{"mean", "min", "max", "stddev", "p50", "p95", "p99"} }, `
		g n=10i 0s
		g n=20i 5s
		g n=20i 11s`, `
		g,window=10s n_mean=15,n_min=10i,n_max=20i,n_stddev=5,n_p50=10,n_p95=20,n_p99=20 10000000000 class=result origin=g
		--
		g,part=tail,window=10s n_mean=20,n_min=20i,n_max=20i,n_stddev=0,n_p50=20,n_p95=20,n_p99=20 20000000000 class=result origin=g`)
	f("a rate is taken over the true time, and a reset is counted", none, `
		g c_total=100i 1s
		g c_total=160i 4s
		g c_total=10i 9s
		g c_total=30i 13s`, `
		g,part=head,window=10s c_total_rate=8.75,c_total=10i 10000000000 class=result origin=g
		--
		g,part=tail,window=10s c_total_rate=5,c_total=30i 20000000000 class=result origin=g`)
	f("power from energy, where it reaches over the window", none, `
		g power_watts=300,energy_joules=100 -1s
		g power_watts=300,energy_joules=500 1s
		g power_watts=300,energy_joules=900 9s
		g power_watts=300,energy_joules=1100 11s
		g power_watts=300,energy_joules=1100 21500ms`, `
		g,part=head,window=10s power_watts_mean=300,energy_joules=100 0 class=result origin=g
		g,window=10s power_watts_mean=70,energy_joules_rate=80,energy_joules=900 10000000000 class=result origin=g
		g,window=10s power_watts_mean=10,energy_joules_rate=100,energy_joules=1100 20000000000 class=result origin=g
		--
		g,part=tail,window=10s power_watts_mean=300,energy_joules_rate=0,energy_joules=1100 30000000000 class=result origin=g`)
	f("power from energy alone", none, `
		g energy_joules=100 0s
		g energy_joules=1100 10s
		g energy_joules=1100 11s`, `
		g,window=10s power_watts_mean=100,energy_joules=100 10000000000 class=result origin=g
		--
		g,part=tail,window=10s energy_joules_rate=90.9090909090909,energy_joules=1100 20000000000 class=result origin=g`)
	f("what travels along", none, `
		g x=1,code:info=7i,ok=true,name="a" 0s
		g x=1,ok=false 5s
		g code:info=8i,ok=true,name="b" 6s
		g x=1,code:info=9i,ok=true,name="c" 11s`, `
		g,window=10s x_mean=1,code=7i,ok=false,name="a" 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=1,code=9i,ok=true,name="c" 20000000000 class=result origin=g`)
	f("sliding", func(c *Config) { c.Every = 5 * time.Second }, `
		g x=1 0s
		g x=2 5s
		g x=4 10s
		g x=9 16s`, `
		g,part=head,window=10s/5s x_mean=1 5000000000 class=result origin=g
		g,window=10s/5s x_mean=1.5 10000000000 class=result origin=g
		g,window=10s/5s x_mean=3 15000000000 class=result origin=g
		--
		g,part=tail,window=10s/5s x_mean=4 20000000000 class=result origin=g
		g,part=tail,window=10s/5s x_mean=4 25000000000 class=result origin=g`)
	f("numbers that are none count as absent", none, `
		g x=1 0s
		g x=NaN,y=3 5s
		g x=+Inf 6s
		g x=1,y=3 11s`, `
		g,window=10s x_mean=1,y_mean=3 10000000000 class=result origin=g
		--
		g,part=tail,window=10s x_mean=1,y_mean=3 20000000000 class=result origin=g`)
}

func TestSamplesAreAbsorbedLateOrLeft(t *testing.T) {
	f := func(late, want string) {
		t.Helper()
		c := defaults()
		c.Late = late
		a, _ := New(c)
		b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), `
			g x=1 0s
			g x=1 11s
			g x=1 9s
			g ok=true 9s
			g x=1 10s
			g name="a",state:info=1i 12s
			g x=NaN 12s
			g x_mean=1 12s class=result
			g x=1 12s class=info`)
		if err := a.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sdktest.Lines(want), sdktest.Dump(b)); diff != "" {
			t.Errorf("late = %s: -want +got\n%s", late, diff)
		}
	}
	rest := `
		g ok=true 9000000000
		g x=1 10000000000 absorbed
		g name="a",state=1i 12000000000
		g x=NaN 12000000000
		g x_mean=1 12000000000 class=result
		g x=1 12000000000 class=info`
	first := `
		g x=1 0 absorbed
		g x=1 11000000000 absorbed
		g,window=10s x_mean=1 10000000000 class=result origin=g`
	f("drop", first+rest)
	f("keep", first+"\ng x=1 9000000000"+rest)
}

func TestUnitsOfResults(t *testing.T) {
	c := defaults()
	c.Stats = []string{"mean", "stddev", "max"}
	a, _ := New(c)
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), `
		gpu temperature_celsius=50,energy_joules=5 0s
		gpu temperature_celsius=50,energy_joules=6 10s
		gpu temperature_celsius=50,energy_joules=7 11s`)
	if err := a.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want := "gpu,window=10s temperature_celsius_mean:gauge:celsius=50,temperature_celsius_stddev:gauge:celsius=0," +
		"temperature_celsius_max:gauge:celsius=50,power_watts_mean:gauge:watts=0.1,energy_joules:counter:joules=5 10000000000 class=result origin=gpu"
	if got := sdktest.DumpFull(b)[3]; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// stream is what the conformance suite feeds.
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
	gpu,gpu_index=1 power_watts=100,energy_joules=1300 7s
	gpu,gpu_index=1 power_watts=100,energy_joules=1400 7s
	other y=1 9s
	gpu,gpu_index=0 power_watts=340,energy_joules=400,extra=1 12s
	gpu,gpu_index=0 power_watts=350,energy_joules=500 100s`

func TestContract(t *testing.T) {
	f := func(name string, set func(*Config)) {
		t.Run(name, func(t *testing.T) {
			sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor {
				c := defaults()
				set(c)
				a, err := New(c)
				if err != nil {
					t.Fatal(err)
				}
				return a
			}, stream)
		})
	}
	f("tumbling", func(c *Config) { c.Period = time.Second })
	f("sliding", func(c *Config) {
		c.Period, c.Every, c.Late = 2*time.Second, time.Second, "keep"
		c.Stats = []string{"mean", "min", "max", "stddev", "p50", "p95", "p99"}
	})
}

func TestSampleAndDefaults(t *testing.T) {
	c := defaults()
	if !maps.Equal(c.FromCounter, vocabulary.FromCounter()) {
		t.Errorf("from_counter defaults to %v, the vocabulary says %v", c.FromCounter, vocabulary.FromCounter())
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
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
	f(func(c *Config) { c.Every = 3 * time.Second }, "`every`: does not divide the period of 10s: make the period a multiple of it")
	f(func(c *Config) { c.FromCounter = map[string]string{"a": "e", "b": "e"} },
		"`from_counter`: takes both \"a\" and \"b\" from \"e\": a counter gives the mean of one gauge")
	f(func(c *Config) { c.FromCounter = map[string]string{"power_watts": "power_average_watts"} },
		"`from_counter.power_watts`: \"power_average_watts\" is no counter: it does not grow")
	f(func(c *Config) { c.FromCounter = map[string]string{"energy_joules": "pcie_tx_bytes"} }, "`from_counter.energy_joules`: is no gauge: it has no mean")
}

func TestPercentile(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // repeatable on purpose
	for range 2000 {
		v := make([]float64, 1+random.IntN(200))
		for i := range v {
			v[i] = float64(random.IntN(1 + random.IntN(300)))
		}
		if random.IntN(3) == 0 {
			slices.Sort(v)
		}
		sorted := slices.Sorted(slices.Values(v))
		for _, p := range percent {
			got, _ := percentile(v, p)
			at := slices.IndexFunc(sorted, func(x float64) bool { return x == got })
			notMore := 0
			for _, x := range v {
				if x <= got {
					notMore++
				}
			}
			if at < 0 || notMore*100 < p*len(v) || at*100 >= p*len(v) {
				t.Fatalf("p%d of %v = %v", p, sorted, got)
			}
		}
	}
	if _, ok := percentile(nil, 50); ok {
		t.Error("a percentile of nothing")
	}
}

func TestForgottenSamplesAreCounted(t *testing.T) {
	c := defaults()
	c.Stats, c.MaxSamples, c.Period = []string{"p50"}, 5000, 100*time.Second
	a, _ := New(c)
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	if err := a.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	b := sdk.NewBatch(env.Catalog)
	s := b.Series("g")
	for i := range 20_000 {
		b.Add(s, int64(i)*1e6).Float("x", float64(i))
	}
	if err := a.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	forgotten := 0.0
	for total := range env.Meter.Totals() {
		forgotten += total.Value
	}
	b.Reset()
	if err := a.Flush(t.Context(), time.Time{}, true, b); err != nil {
		t.Fatal(err)
	}
	for m := range b.All() {
		// The median of the samples that are left.
		if v, _ := m.Number("x_p50"); v != forgotten+(20_000-forgotten)/2-1 {
			t.Errorf("median %v, %v samples forgotten", v, forgotten)
		}
	}
	if forgotten < 20_000-5000-200 || forgotten > 20_000-5000 {
		t.Errorf("%v of 20000 samples forgotten", forgotten)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	c := defaults()
	c.Period, c.Stats = time.Second, []string{"mean", "min", "max", "stddev", "p50"}
	a, _ := New(c)
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	s, at := b.Series("gpu"), int64(0)
	step := func() {
		b.Reset()
		for range 200 {
			m := b.Add(s, at)
			m.Float("power_watts", float64(at%977))
			m.Set(sdk.Field{Name: "energy_joules", Kind: sdk.Counter}, sdk.FloatValue(float64(at)))
			m.Text("state", "P0")
			at += 50e6
		}
		if err := a.Process(context.Background(), b); err != nil {
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
