package simulate

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

var start = time.Unix(1_700_000_000, 0)

// machine is an input with a clock that the test sets.
type machine struct {
	*Input
	t     testing.TB
	clock time.Time
	batch *sdk.Batch
}

func newMachine(t testing.TB, change func(*Config)) *machine {
	t.Helper()
	c, ok := Definition().NewConfig().(*Config)
	if !ok {
		t.Fatal("NewConfig does not make a *Config")
	}
	if change != nil {
		change(c)
	}
	in, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{Input: in, t: t, clock: start, batch: sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))}
	env := &sdk.Env{Now: func() time.Time { return m.clock }}
	if err := in.Open(context.Background(), env); err != nil {
		t.Fatal(err)
	}
	return m
}

// after lets d pass and gathers.
func (m *machine) after(d time.Duration) *sdk.Batch {
	m.t.Helper()
	m.clock = m.clock.Add(d)
	m.batch.Reset()
	if err := m.Gather(context.Background(), m.batch); err != nil {
		m.t.Fatal(err)
	}
	return m.batch
}

// samples returns the rows of measurement gpu by index of the GPU.
func samples(b *sdk.Batch) map[string]*sdk.Metric {
	rows := map[string]*sdk.Metric{}
	for m := range b.Samples() {
		if m.Name() == vocabulary.GPU {
			rows[m.Tag(vocabulary.TagIndex)] = m
		}
	}
	return rows
}

func number(t testing.TB, m *sdk.Metric, field string) float64 {
	t.Helper()
	v, ok := m.Number(field)
	if !ok {
		t.Fatalf("no %s in %s", field, sdktest.Line(m))
	}
	return v
}

func TestConformance(t *testing.T) {
	sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer { return newMachine(t, nil).Input })
}

func TestDefaults(t *testing.T) {
	want := &Config{GPUs: 8, Seed: 1, Scenario: "inference", InfoInterval: time.Minute}
	if diff := cmp.Diff(want, Definition().NewConfig()); diff != "" {
		t.Error(diff)
	}
	options, err := sdk.Options(new(Config))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		if !strings.Contains(sample, "\n# "+o.Key+" = ") {
			t.Errorf("the sample does not show %s", o.Key)
		}
		if o.Key == "scenario" && !slices.Equal(slices.Sorted(slices.Values(o.Enum)), slices.Sorted(maps.Keys(scenarios))) {
			t.Errorf("the configuration takes %v", o.Enum)
		}
	}
	if _, err := New(&Config{Scenario: "war"}); err == nil {
		t.Error("an unknown scenario is taken")
	}
}

func TestFieldsOfADataCentreCard(t *testing.T) {
	b := newMachine(t, nil).after(0)
	m := samples(b)["0"]
	// All names that the design fixes, but the fan: such a card has none.
	for name := range strings.FieldsSeq(`utilization_ratio memory_activity_ratio encoder_ratio decoder_ratio
		memory_used_bytes memory_free_bytes memory_reserved_bytes memory_total_bytes memory_used_ratio up
		power_watts power_average_watts power_limit_watts energy_joules temperature_celsius
		memory_temperature_celsius clock_sm_hertz clock_memory_hertz pstate throttle_sw_power_seconds
		throttle_sw_thermal_seconds throttle_hw_thermal_seconds throttle_power_brake_seconds
		throttle_sync_boost_seconds throttle_reasons pcie_tx_bytes pcie_rx_bytes nvlink_tx_bytes nvlink_rx_bytes
		ecc_corrected_errors ecc_uncorrected_errors sm_active_ratio sm_occupancy_ratio tensor_active_ratio
		dram_active_ratio`) {
		number(t, m, name)
	}
	if _, ok := m.Lookup("fan_ratio"); ok {
		t.Error("the card has a fan")
	}
	for _, key := range []string{vocabulary.TagUUID, vocabulary.TagIndex, vocabulary.TagName, vocabulary.TagPCI} {
		if m.Tag(key) == "" {
			t.Errorf("no tag %s", key)
		}
	}
	if m.Tag(vocabulary.TagSource) != "simulated" {
		t.Errorf("source %q: it might be taken for a real reading", m.Tag(vocabulary.TagSource))
	}
}

func TestFieldsAreOfTheVocabulary(t *testing.T) {
	for name := range scenarios {
		in := newMachine(t, func(c *Config) { c.Scenario, c.Processes = name, 1 })
		for range 30 {
			for m := range in.after(time.Second).All() {
				for _, f := range m.Schema().Fields() {
					if want := vocabulary.Field(m.Name(), f.Name); f != want {
						t.Fatalf("%s is %+v, want %+v", f.Name, f, want)
					}
				}
			}
		}
	}
}

func TestDeterministic(t *testing.T) {
	run := func(seed int64, gpus int) []string {
		in := newMachine(t, func(c *Config) { c.Seed, c.GPUs, c.Scenario, c.Processes = seed, gpus, "ecc", 2 })
		var lines []string
		for i := range 300 {
			lines = append(lines, sdktest.Dump(in.after(time.Duration(i%7)*33*time.Millisecond))...)
		}
		return lines
	}
	first := run(1, 3)
	if diff := cmp.Diff(first, run(1, 3)); diff != "" {
		t.Errorf("equal seeds make different runs:\n%s", diff)
	}
	if slices.Equal(first, run(2, 3)) {
		t.Error("other seeds make equal runs")
	}
	ofFirst := func(lines []string) []string {
		return slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, "gpu_index=0,") })
	}
	if diff := cmp.Diff(ofFirst(first), ofFirst(run(1, 1))); diff != "" {
		t.Errorf("a GPU depends on how many others there are:\n%s", diff)
	}
}

func TestHowOftenItIsReadChangesNothing(t *testing.T) {
	run := func(interval time.Duration) (energy float64) {
		in := newMachine(t, func(c *Config) { c.GPUs = 1 })
		in.after(0)
		for passed := time.Duration(0); passed < 20*time.Second; passed += interval {
			energy = number(t, samples(in.after(interval))["0"], "energy_joules")
		}
		return energy
	}
	want := run(5 * time.Millisecond)
	for _, interval := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 20 * time.Second} {
		if got := run(interval); math.Abs(got-want) > 0.01 {
			t.Errorf("read each %v, a GPU uses %v J in 20 s, else %v J", interval, got, want)
		}
	}
}

func TestEnergyIsTheIntegralOfPower(t *testing.T) {
	f := func(scenario string, interval time.Duration, tolerance float64) {
		t.Helper()
		in := newMachine(t, func(c *Config) { c.GPUs, c.Scenario = 2, scenario })
		first := number(t, samples(in.after(0))["1"], "energy_joules")
		var sum, last float64
		for range 15 * time.Second / interval {
			m := samples(in.after(interval))["1"]
			sum += number(t, m, "power_watts") * interval.Seconds()
			last = number(t, m, "energy_joules")
		}
		if got := last - first; math.Abs(got-sum) > tolerance*got {
			t.Errorf("%s: %v J of energy, %v J by power", scenario, got, sum)
		}
	}
	for name := range scenarios {
		if name != "lost_gpu" {
			f(name, 5*time.Millisecond, 1e-5)  // at the model's own resolution
			f(name, 10*time.Millisecond, 0.03) // as an agent would sample it
		}
	}
}

func TestInfo(t *testing.T) {
	in := newMachine(t, func(c *Config) { c.GPUs, c.InfoInterval = 2, 10*time.Second })
	infos := func(b *sdk.Batch) (n int) {
		for m := range b.All() {
			if m.Name() == vocabulary.Info && m.Class() == sdk.ClassInfo {
				if v, ok := m.Lookup("driver_version"); !ok || v.Text() != "simulated" {
					t.Errorf("driver_version is %v", v)
				}
				n++
			}
		}
		return n
	}
	f := func(d time.Duration, want int) {
		t.Helper()
		if got := infos(in.after(d)); got != want {
			t.Errorf("%v later: %d, want %d", d, got, want)
		}
	}
	f(0, 2)
	f(9*time.Second, 0)
	f(time.Second, 2)
	f(time.Second, 0)
	f(time.Minute, 2)
	f(-time.Hour, 2) // the clock was set back
	f(time.Second, 0)
}

func TestProcesses(t *testing.T) {
	in := newMachine(t, func(c *Config) { c.GPUs, c.Processes = 2, 3 })
	sum, pids := 0.0, map[string]bool{}
	b := in.after(0)
	for m := range b.Samples() {
		if m.Name() == vocabulary.Process {
			pids[m.Tag("pid")] = true
			if m.Tag("gpu_index") == "1" {
				sum += number(t, m, "memory_used_bytes")
			}
		}
	}
	if used := number(t, samples(b)["1"], "memory_used_bytes"); len(pids) != 6 || used-sum > 3 || sum > used {
		t.Errorf("%d processes use %v of %v bytes", len(pids), sum, used)
	}
}

func TestClockStepsBack(t *testing.T) {
	in := newMachine(t, func(c *Config) { c.GPUs = 1 })
	in.after(0)
	before := number(t, samples(in.after(time.Second))["0"], "energy_joules")
	f := func(d time.Duration, least, most float64) {
		t.Helper()
		after := number(t, samples(in.after(d))["0"], "energy_joules")
		if grown := after - before; grown < least || grown > most {
			t.Errorf("%v later the GPU has used %v J more, want %v to %v", d, grown, least, most)
		}
		before = after
	}
	f(-time.Hour, 0, 0)
	f(0, 0, 0)
	f(time.Second, 60, 800)
	f(24*time.Hour, 86400*60, 86400*120) // a suspend: it idled but for the last minute
	f(time.Second, 60, 800)
}

func TestADay(t *testing.T) {
	for _, name := range []string{"inference", "thermal", "memory_leak"} {
		in := newMachine(t, func(c *Config) { c.GPUs, c.Scenario = 1, name })
		var before *sdk.Metric
		keep := sdk.NewBatch(in.batch.Catalog())
		for range 24 * 2 {
			m := samples(in.after(30 * time.Minute))["0"]
			check(t, m, before)
			keep.Reset()
			before = keep.Copy(m)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := newMachine(t, nil)
	if err := in.Gather(ctx, in.batch); !errors.Is(err, context.Canceled) {
		t.Errorf("Gather: %v", err)
	}
}

func TestFullCatalog(t *testing.T) {
	in := newMachine(t, nil)
	in.batch = sdk.NewBatch(sdk.NewCatalog(sdk.Limits{Series: 3}))
	in.after(0)
	if y := in.batch.Tally(); in.batch.Len() != 3 || y.Added != 3+y.Dropped() {
		t.Errorf("%d rows, %+v", in.batch.Len(), *y)
	}
	in.batch = sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	if rows := samples(in.after(time.Second)); len(rows) != 8 {
		t.Errorf("%d GPUs report once there is room", len(rows))
	}
}

func TestNoAllocations(t *testing.T) {
	in := newMachine(t, func(c *Config) { c.Processes = 2; c.InfoInterval = time.Hour })
	for range 600 {
		in.after(100 * time.Millisecond)
	}
	if n := testing.AllocsPerRun(100, func() { in.after(10 * time.Millisecond) }); n > 0 {
		t.Errorf("%v allocations for a gather", n)
	}
}

func BenchmarkGather(b *testing.B) {
	f := func(name string, gpus int, interval time.Duration) {
		b.Run(name, func(b *testing.B) {
			in := newMachine(b, func(c *Config) { c.GPUs = gpus })
			in.after(0)
			b.ReportAllocs()
			for b.Loop() {
				in.after(interval)
			}
		})
	}
	f("8 GPUs at 100ms", 8, 100*time.Millisecond)
	f("8 GPUs at 10ms", 8, 10*time.Millisecond)
	f("8 GPUs at 1s", 8, time.Second)
	f("1000 GPUs at 1s", 1000, time.Second)
}
