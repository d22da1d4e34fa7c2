package naming

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// stream has all that the processor deals with: two sources of one GPU, another GPU, what is no reading.
const stream = `
	gpu_info,gpu_uuid=GPU-a,host=h,source=nvml driver_version="550.1",compute_mode="Default",power_limit_max_watts=700 1s class=info
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvml utilization_ratio=0.5,power_watts=300,pstate=0i,up=1i 1s
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvidia_smi utilization_ratio=0.6,fan_ratio=0.3 1500ms
	gpu,gpu_index=1,gpu_uuid=GPU-b,host=h,source=nvidia_smi utilization_ratio=0.7,energy_joules=5,pstate=8i 2s
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvml,window=10s power_watts_mean=310,power_watts_max=320,energy_joules=7 10s origin=gpu,gpu_index=0
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvml utilization_ratio=0.5,temperature_celsius=81 11s absorbed notes=alert=hot
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvml utilization_ratio=0.6,temperature_celsius=82,pstate=2i 11s absorbed=pstate,utilization_ratio
	gpu_event,code=79,event=xid,gpu_uuid=GPU-a,host=h,severity=critical,source=nvml message="off" 11s class=event
	gpu_event,code=hot,event=rule,gpu_uuid=GPU-a,host=h,severity=warning active=1i 11s class=event
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvml up=0i 12s
	inference,model=m latency_seconds=0.5,requests_total=3 12s
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvidia_smi utilization_ratio=0.6 13s
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvidia_smi utilization_ratio=0.7 60s
	gpu_info,gpu_uuid=GPU-a,host=h,source=nvml driver_version="560.1" 61s class=info
	gpu,gpu_index=0,gpu_uuid=GPU-a,host=h,source=nvml utilization_ratio=0.8,power_watts=1 62s
	gpu,gpu_index=1,gpu_uuid=GPU-b,host=h,source=nvidia_smi utilization_ratio=0.7,energy_joules=6,pstate=0i 62s`

func TestContract(t *testing.T) {
	for _, words := range []string{"dcgm", "telegraf"} {
		t.Run(words, func(t *testing.T) {
			sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { return build(t, words) }, stream, sdktest.ReadsResults)
			sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { return waiting(t, words) }, stream, sdktest.ReadsResults)
		})
	}
}

func TestTheBestSourceWins(t *testing.T) {
	// Each step is a source, a second and a field; what is shown is marked.
	f := func(steps, want string) {
		t.Helper()
		p, catalog := build(t, "dcgm"), sdk.NewCatalog(sdk.Limits{})
		var got []string
		for step := range strings.FieldsSeq(steps) {
			var source, field string
			var at int
			if _, err := fmt.Sscanf(strings.NewReplacer("@", " ", ":", " ").Replace(step), "%s %d %s", &source, &at, &field); err != nil {
				t.Fatal(step, err)
			}
			b := sdktest.Batch(t, catalog, fmt.Sprintf("gpu,gpu_uuid=GPU-a,host=h,source=%s %s=1 %ds", source, field, at))
			if rows := run(t, p, b); len(rows) == 1 {
				got = append(got, step)
			}
		}
		if d := cmp.Diff(strings.Fields(want), got); d != "" {
			t.Errorf("%s: -want +got\n%s", steps, d)
		}
	}
	// The order of the sources, whoever comes first.
	f("nvml@1:pstate dcgm@2:pstate nvidia_smi@3:pstate tegrastats@4:pstate nvml@5:pstate", "nvml@1:pstate nvml@5:pstate")
	f("tegrastats@1:pstate nvidia_smi@2:pstate dcgm@3:pstate nvml@4:pstate dcgm@5:pstate", "tegrastats@1:pstate nvidia_smi@2:pstate dcgm@3:pstate nvml@4:pstate")
	// Each field for itself.
	f("nvml@1:pstate nvidia_smi@1:fan_ratio nvml@2:pstate nvidia_smi@2:pstate nvidia_smi@2:fan_ratio", "nvml@1:pstate nvidia_smi@1:fan_ratio nvml@2:pstate nvidia_smi@2:fan_ratio")
	// Silence longer than max_gap gives way, and the best one comes back at once.
	f("nvml@1:pstate nvidia_smi@31:pstate nvidia_smi@32:pstate nvml@33:pstate nvidia_smi@34:pstate", "nvml@1:pstate nvidia_smi@32:pstate nvml@33:pstate")
	// A source that tells a field each minute is not silent within two of them.
	f("nvml@0:pstate nvml@60:pstate nvidia_smi@119:pstate nvidia_smi@180:pstate nvidia_smi@181:pstate", "nvml@0:pstate nvml@60:pstate nvidia_smi@181:pstate")
	// Readings that come out of order do not count as silence.
	f("nvml@40:pstate nvml@1:pstate nvidia_smi@45:pstate", "nvml@40:pstate nvml@1:pstate")
	// Windows apart from samples and from each other; see below.
	f("nvml@1:power_watts nvidia_smi@2:power_watts_mean", "nvml@1:power_watts nvidia_smi@2:power_watts_mean")
}

// waiting is build with the default of info_wait.
func waiting(t testing.TB, words string) *Naming {
	c := Definition().NewConfig().(*Config)
	c.Vocabulary = words
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWaitsForTheDriver(t *testing.T) {
	// Each step is a second, and i where a gpu_info comes; what is shown of the samples is given by second.
	f := func(words, steps, want string) {
		t.Helper()
		p, catalog := waiting(t, words), sdk.NewCatalog(sdk.Limits{})
		var got []string
		for step := range strings.FieldsSeq(steps) {
			line := "gpu,gpu_uuid=GPU-a,host=h power_watts=1 " + step + "s"
			if at, isInfo := strings.CutPrefix(step, "i"); isInfo {
				line = "gpu_info,gpu_uuid=GPU-a,host=h driver_version=\"550\" " + at + "s class=info"
			}
			b := sdktest.Batch(t, catalog, line)
			rows := run(t, p, b)
			if line[3] == ',' && len(rows) == 1 {
				got = append(got, step)
			}
			for _, d := range b.Tally().Drops {
				if line[3] == ',' && d.Reason != "no_driver" {
					t.Errorf("%s: %+v", step, d)
				}
			}
		}
		if d := cmp.Diff(strings.Fields(want), got); d != "" {
			t.Errorf("%s %s: -want +got\n%s", words, steps, d)
		}
	}
	f("dcgm", "1 2 i3 4 5", "4 5")
	f("dcgm", "i1 1 2", "1 2")
	f("dcgm", "1 15 16 17", "16 17")
	f("dcgm", "1 15 16 i17 18", "16 18")
	f("dcgm", "5 1 4 i6 7", "1 4 7") // what is older than the first cannot be told from a clock set back
	f("telegraf", "1 2 i3 4 5", "1 2 4 5")

	// What one batch tells holds for all of it.
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), "gpu,gpu_uuid=GPU-a power_watts=1 1s\ngpu_info,gpu_uuid=GPU-a driver_version=\"550\" 1s class=info")
	if got := run(t, waiting(t, "dcgm"), b); len(got) != 1 || !strings.Contains(got[0], "DCGM_FI_DRIVER_VERSION=550") {
		t.Errorf("%q", got)
	}
}

func TestClaimsAtTheEndsOfTime(t *testing.T) {
	var c claim
	for _, at := range []int64{math.MinInt64, math.MaxInt64, 0, math.MinInt64} {
		if !c.take(0, at, 1) {
			t.Errorf("the holder is refused at %d", at)
		}
	}
}

func TestWindowsAreClaimedApart(t *testing.T) {
	gpu := "gpu,gpu_uuid=GPU-a,host=h,source=%s,window=%s power_watts_mean=1 10s class=result\n"
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), fmt.Sprintf(gpu+gpu+gpu, "nvml", "10s", "nvidia_smi", "60s", "nvidia_smi", "10s"))
	if got := run(t, build(t, "dcgm"), b); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// A window that was not seen whole belongs to the source that tells whole ones, whichever is cut first.
func TestPartsAreNotClaimedApart(t *testing.T) {
	gpu := "gpu,gpu_uuid=GPU-a,host=h,source=%s,window=10s%s power_watts_mean=1 %ds class=result\n"
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), fmt.Sprintf(gpu+gpu+gpu, "nvml", "", 10, "nvidia_smi", ",part=tail", 20, "nvml", ",part=tail", 20))
	if got := run(t, build(t, "dcgm"), b); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// TestFilter puts what a filter shows into the other words, and leaves the rest as it is.
func TestFilter(t *testing.T) {
	f := func(words, in string, want ...string) {
		t.Helper()
		b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), in)
		p := build(t, words)
		b.Limit(func(m *sdk.Metric) bool { return m.Tag("gpu_uuid") != "GPU-z" }, func(s *sdk.Schema) *sdk.Mask {
			return sdk.NewMask(s, func(f sdk.Field) bool { return f.Name != "fan_ratio" && f.Name != "serial" })
		})
		if err := p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Unlimit()
		if d := cmp.Diff(append([]string{}, want...), sdktest.Dump(b)); d != "" {
			t.Errorf("%s: %s\n-want +got\n%s", words, in, d)
		}
	}
	f("dcgm", "gpu power_watts=3,fan_ratio=0.5,pstate=2i 5 notes=a=b", "gpu fan_ratio=0.5 5 notes=a=b", "DCGM_FI_DEV_POWER_USAGE value=3 5 notes=a=b", "DCGM_FI_DEV_PSTATE value=2 5 notes=a=b")
	f("dcgm", "gpu up=1i,fan_ratio=0.5 5", "gpu fan_ratio=0.5 5")
	f("dcgm", "gpu fan_ratio=0.5 5", "gpu fan_ratio=0.5 5")
	f("dcgm", "gpu,gpu_uuid=GPU-z power_watts=3 5", "gpu,gpu_uuid=GPU-z power_watts=3 5")
	f("telegraf", "gpu power_watts=3,fan_ratio=0.5,pstate=2i 5 absorbed", "gpu fan_ratio=0.5 5 absorbed", "nvidia_smi,pstate=P2 power_draw=3 5 absorbed")
	f("telegraf", "gpu power_watts=3,fan_ratio=0.5,pstate=2i,utilization_ratio=1 5 absorbed=fan_ratio,power_watts",
		"gpu fan_ratio=0.5 5 absorbed", "nvidia_smi,pstate=P2 power_draw=3,utilization_gpu=100i 5 absorbed=power_draw")
	f("dcgm", "gpu power_watts=3,fan_ratio=0.5,pstate=2i 5 absorbed=power_watts", "gpu fan_ratio=0.5 5", "DCGM_FI_DEV_POWER_USAGE value=3 5 absorbed", "DCGM_FI_DEV_PSTATE value=2 5")
	f("telegraf", `gpu_info serial="1",driver_version="550" 5 class=info`, `gpu_info serial="1" 5 class=info`, `nvidia_smi driver_version="550" 5 class=info`)
}

func TestAFullCatalog(t *testing.T) {
	for _, words := range []string{"dcgm", "telegraf"} {
		b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{Series: 2}), "gpu,gpu_uuid=GPU-a power_watts=1,fan_ratio=0.5 1\ngpu,gpu_uuid=GPU-b power_watts=1 1")
		if got := run(t, build(t, words), b); len(got) != 0 {
			t.Errorf("%s: %q", words, got)
		}
		for _, d := range b.Tally().Drops {
			if d.Reason != sdk.DropSeriesCap {
				t.Errorf("%s: %+v", words, d)
			}
		}
	}
}

// TestDevicesThatLeave forgets a device once the catalog has forgotten its series, and goes on with what
// comes back.
func TestDevicesThatLeave(t *testing.T) {
	for _, words := range []string{"dcgm", "telegraf"} {
		catalog := sdk.NewCatalog(sdk.Limits{Idle: time.Minute})
		p, b := build(t, words), sdk.NewBatch(catalog)
		step := func(lines string) []string {
			b.Reset()
			sdktest.Parse(t, b, lines)
			return run(t, p, b)
		}
		now := time.Unix(0, 0)
		catalog.Sweep(now)
		first := step("gpu,gpu_uuid=GPU-a power_watts=1,pstate=0i 1s\ngpu,gpu_uuid=GPU-b power_watts=1 1s")
		if len(p.gpus) != 2 {
			t.Fatalf("%s: %d devices", words, len(p.gpus))
		}
		for range 3 {
			now = now.Add(50 * time.Second)
			catalog.Sweep(now)
			step("gpu,gpu_uuid=GPU-b power_watts=1 1s")
		}
		if len(p.gpus) != 1 || p.table.Len() != 1 {
			t.Errorf("%s: %d devices, %d series", words, len(p.gpus), p.table.Len())
		}
		again := step("gpu,gpu_uuid=GPU-a power_watts=1,pstate=0i 1s\ngpu,gpu_uuid=GPU-b power_watts=1 1s")
		if d := cmp.Diff(first, again); d != "" {
			t.Errorf("%s: what came back: -first +again\n%s", words, d)
		}
	}
}

// rig fills a batch with a sample of 8 GPUs, all fields that have names, as two sources give them, and a
// result of each.
func rig(tb testing.TB) (fill func() *sdk.Batch, rows int) {
	tb.Helper()
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	var fields, results []sdk.Field
	for _, r := range vocabulary.All() {
		if r.Metric != vocabulary.GPU || r.DCGM.ID == 0 && r.Telegraf.Field == "" {
			continue
		}
		fields = append(fields, r.Field)
		if r.Kind == sdk.Gauge && len(results) < 20 {
			f, _ := vocabulary.ResultField(r.Field, "_mean")
			results = append(results, f)
		}
	}
	type device struct{ nvml, smi, result *sdk.Series }
	var devices []device
	for i := range 8 {
		series := func(source string, more ...sdk.Tag) *sdk.Series {
			d := vocabulary.Device{UUID: fmt.Sprintf("GPU-%d", i), Index: fmt.Sprint(i), Name: "H100", Host: "h", PCIBusID: "0", Source: source}
			return b.Series(vocabulary.GPU, append(d.Tags(), more...)...)
		}
		devices = append(devices, device{series("nvml"), series("nvidia_smi"), series("nvml", sdk.Tag{Key: "window", Value: "10s"})})
	}
	at := int64(1e18)
	return func() *sdk.Batch {
		b.Reset()
		at += 1e8
		for i, d := range devices {
			for _, s := range []*sdk.Series{d.nvml, d.smi} {
				m := b.Add(s, at)
				for _, f := range fields {
					m.SetNumber(f, 1)
				}
				if at/1e10%2 == int64(i%2) {
					m.SetNumber(fields[0], 0.5)
				}
			}
			r := b.Add(d.result, at)
			for _, f := range results {
				r.SetNumber(f, 0.5)
			}
			r.SetOrigin(d.nvml)
		}
		return b
	}, 3 * len(devices)
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, words := range []string{"dcgm", "telegraf"} {
		fill, rows := rig(t)
		p := build(t, words)
		step := func() {
			if err := p.Process(t.Context(), fill()); err != nil {
				t.Error(err)
			}
		}
		for range 100 {
			step()
		}
		if n := testing.AllocsPerRun(300, step); n > 0 {
			t.Errorf("%s: %v allocations for %d rows", words, n, rows)
		}
	}
}

func BenchmarkProcess(bm *testing.B) {
	for _, words := range []string{"dcgm", "telegraf"} {
		bm.Run(words, func(bm *testing.B) {
			fill, rows := rig(bm)
			p := build(bm, words)
			bm.ReportAllocs()
			for bm.Loop() {
				bm.StopTimer()
				b := fill()
				bm.StartTimer()
				if err := p.Process(bm.Context(), b); err != nil {
					bm.Fatal(err)
				}
			}
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N*rows), "ns/row")
		})
	}
}
