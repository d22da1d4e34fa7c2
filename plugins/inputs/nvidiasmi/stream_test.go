package nvidiasmi

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// quick shortens what a stream waits for, but for stalls: the machine may be busy.
var quick = timing{
	firstRow: 5 * time.Second, stall: 5 * time.Second, quiet: 5 * time.Millisecond,
	pauses: child.Pauses{First: 10 * time.Millisecond, Longest: 100 * time.Millisecond}, recheck: 300 * time.Millisecond,
}

func streamOf(t testing.TB, scenario string, change ...func(*Config)) *Stream {
	c := testConfig()
	c.BinPath = childtest.Program(t, scenario)
	c.InfoInterval = 0
	for _, f := range change {
		f(c)
	}
	s := newStream(c)
	s.timing = quick
	s.interval = 20 * time.Millisecond
	return s
}

// follow reads from an opened stream until enough says so, for 10 s at most. It returns all that was
// read, and the errors in between.
func follow(t *testing.T, s *Stream, enough func(*harvest) bool) *harvest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := &harvest{up: map[string][]float64{}, events: map[string]int{}}
	b := newBatch()
	for ctx.Err() == nil && !enough(got) {
		b.Reset()
		ack, err := s.Read(ctx, b)
		if ack != nil {
			t.Error("a stream needs no Ack")
		}
		if err != nil {
			got.errs = append(got.errs, err)
		}
		got.add(t, b)
	}
	if !enough(got) {
		t.Fatalf("not enough was read: %d frames, up %v, events %v, errors %v", got.frames, got.up, got.events, got.errs)
	}
	return got
}

// harvest is what a stream gave.
type harvest struct {
	frames int
	rows   int
	up     map[string][]float64 // by index
	events map[string]int
	errs   []error
	fields map[string]bool
	last   map[string]int64
}

func (r *harvest) add(t *testing.T, b *sdk.Batch) {
	t.Helper()
	if b.Len() > 0 {
		r.frames++
	}
	if r.fields == nil {
		r.fields, r.last = map[string]bool{}, map[string]int64{}
	}
	for m := range b.All() {
		r.rows++
		index := m.Tag(vocabulary.TagIndex)
		if m.Name() == vocabulary.Event {
			r.events[m.Tag(vocabulary.TagEvent)+" "+index+" "+m.Tag(vocabulary.TagSeverity)]++
			continue
		}
		if key := m.Series().String(); m.Time() <= r.last[key] {
			t.Errorf("%s: time %d after %d", key, m.Time(), r.last[key])
		} else {
			r.last[key] = m.Time()
		}
		if age := time.Since(time.Unix(0, m.Time())); age > 5*time.Second || age < -time.Second {
			t.Errorf("the time of a row is %v old", age)
		}
		for _, f := range m.Schema().Fields() {
			r.fields[m.Name()+" "+f.Name] = true
		}
		if v, ok := m.Number("up"); ok {
			r.up[index] = append(r.up[index], v)
		}
	}
}

func (r *harvest) atLeast(frames int) bool { return r.frames >= frames }

func open(t *testing.T, p interface {
	sdk.Opener
	io.Closer
},
) *sdk.Env {
	t.Helper()
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return env
}

func total(env *sdk.Env, name string) float64 {
	for t := range env.Meter.Totals() {
		if t.Name == name {
			return t.Value
		}
	}
	return -1
}

func TestStream(t *testing.T) {
	s := streamOf(t, "normal")
	open(t, s)
	b := newBatch()
	for range 4 {
		b.Reset()
		if _, err := s.Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if b.Len() != 3 {
			t.Fatalf("a frame of %d rows, want 3:\n%s", b.Len(), describe(b))
		}
	}
	for m := range b.All() {
		f := func(field string, want float64) {
			t.Helper()
			if got, ok := m.Number(field); !ok || got != want {
				t.Errorf("%s = %v %v, want %v", field, got, ok, want)
			}
		}
		f("up", 1)
		f("utilization_ratio", 0.97)
		f("memory_used_bytes", 40000<<20)
		f("memory_used_ratio", 40000.0/(81559-480))
		f("power_watts", 512.25)
		f("temperature_celsius", 7)
		f("clock_sm_hertz", 7e6)
		f("throttle_sw_thermal_seconds", 7e-6)
		f("throttle_reasons", 2)
		f("pstate", 2)
		if _, ok := m.Lookup("fan_ratio"); ok {
			t.Error("fan_ratio is there, though the driver says [N/A]")
		}
		if m.Tag("gpu_uuid") == "" || m.Tag("gpu_name") != "NVIDIA T1000X" || m.Tag("pci_bus_id") == "" || m.Tag("source") != "nvidia_smi" {
			t.Errorf("tags: %s", m.Series())
		}
	}
}

func TestStreamSlowStart(t *testing.T) {
	s := streamOf(t, "slow")
	s.interval = 200 * time.Millisecond
	open(t, s)
	got := follow(t, s, func(r *harvest) bool { return len(r.up["2"]) >= 3 })
	if len(got.errs) != 0 || len(got.events) != 0 {
		t.Errorf("errors %v, events %v", got.errs, got.events)
	}
}

func TestStreamDocuments(t *testing.T) {
	s := streamOf(t, "normal", func(c *Config) { c.InfoInterval = 50 * time.Millisecond })
	open(t, s)
	got := follow(t, s, func(r *harvest) bool { return r.fields["gpu_info driver_version"] && r.atLeast(10) })
	for _, name := range []string{
		"gpu_process memory_used_bytes", "gpu_info serial", "gpu pcie_tx_bytes_per_second", "gpu ecc_uncorrected_aggregate_errors", "gpu utilization_ratio",
	} {
		if !got.fields[name] {
			t.Errorf("%s is absent", name)
		}
	}
	if len(got.events) != 0 || len(got.errs) != 0 {
		t.Errorf("events %v, errors %v", got.events, got.errs)
	}
}

// TestStreamSlowReader checks that a reader that falls behind costs rows and nothing else.
func TestStreamSlowReader(t *testing.T) {
	s := streamOf(t, "normal")
	s.interval = time.Millisecond
	env := open(t, s)
	for deadline := time.Now().Add(10 * time.Second); total(env, "gpuline_nvidia_smi_dropped_rows_total") < 30; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was dropped")
		}
		<-time.After(10 * time.Millisecond)
	}
	got := follow(t, s, func(r *harvest) bool { return r.atLeast(2 * pending) })
	if len(got.errs) != 0 || len(got.events) != 0 {
		t.Errorf("errors %v, events %v", got.errs, got.events)
	}
}

func TestStreamKeepsTheContract(t *testing.T) {
	sdktest.TestReader(t, func(t testing.TB) sdk.Reader { return streamOf(t, "normal") })
}
