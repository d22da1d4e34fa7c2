package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// watch runs a scenario for d at 100 ms, checks what must hold of any sample, and calls see for each.
func watch(t *testing.T, scenario string, d time.Duration, see func(m, before *sdk.Metric)) {
	t.Helper()
	in := newMachine(t, func(c *Config) { c.GPUs, c.Scenario = 3, scenario })
	keep := sdk.NewBatch(in.batch.Catalog())
	before := map[string]*sdk.Metric{}
	for range d / (100 * time.Millisecond) {
		rows := samples(in.after(100 * time.Millisecond))
		sdktest.Foreseen(t, &in.config, in.batch)
		for i, m := range rows {
			if v, _ := m.Number("up"); v == 0 {
				continue
			}
			check(t, m, before[i])
			if see != nil && before[i] != nil {
				see(m, before[i])
			}
			if t.Failed() {
				return
			}
		}
		keep.Reset()
		for i, m := range rows {
			before[i] = keep.Copy(m)
		}
	}
}

func check(t *testing.T, m, before *sdk.Metric) {
	t.Helper()
	for slot, f := range m.Schema().Fields() {
		v, _ := m.Value(slot).Number()
		if r, ok := vocabulary.Find(m.Name(), f.Name); !ok || !r.Valid(v) {
			t.Errorf("%s is %v", f.Name, v)
		}
		if f.Kind == sdk.Counter && before != nil && v < number(t, before, f.Name) {
			t.Errorf("the counter %s falls to %v", f.Name, v)
		}
	}
	n := func(name string) float64 { return number(t, m, name) }
	if used, all := n("memory_used_bytes"), n("memory_total_bytes"); used < 0 || used+n("memory_free_bytes")+n("memory_reserved_bytes") != all {
		t.Errorf("memory does not add up: %s", sdktest.Line(m))
	}
	if core, hbm := n("temperature_celsius"), n("memory_temperature_celsius"); core < ambient || core >= shutdown || hbm < ambient || hbm >= 110 {
		t.Errorf("core %v °C, memory %v °C", core, hbm)
	}
	if p := n("power_watts"); p < idleWatts || p > 900 {
		t.Errorf("%v W", p)
	}
	if f := n("clock_sm_hertz"); f < slowest || f > fastest {
		t.Errorf("%v hertz", f)
	}
}

func TestScenarios(t *testing.T) {
	grew := func(m, before *sdk.Metric, field string) bool {
		return number(t, m, field) > number(t, before, field)
	}
	t.Run("inference", func(t *testing.T) {
		full, part, none := 0, 0, 0
		watch(t, "inference", time.Minute, func(m, before *sdk.Metric) {
			if grew(m, before, "throttle_sw_thermal_seconds") || grew(m, before, "throttle_hw_thermal_seconds") {
				t.Error("throttled for heat while cool")
			}
			switch number(t, m, "graphics_active_ratio") {
			case 1:
				full++
			case 0:
				none++
			default:
				part++
			}
		})
		if full < 50 || part < 50 || none < 50 {
			t.Errorf("of the intervals of 100 ms %d are full, %d in part, %d empty: no bursts", full, part, none)
		}
	})
	t.Run("thermal", func(t *testing.T) {
		soft, hard := 0, 0
		watch(t, "thermal", 90*time.Second, func(m, before *sdk.Metric) {
			core := max(number(t, m, "temperature_celsius"), number(t, before, "temperature_celsius"))
			if grew(m, before, "throttle_sw_thermal_seconds") {
				if soft++; core < maxOperating-20 {
					t.Errorf("throttled by the driver at %v °C", core)
				}
			}
			if grew(m, before, "throttle_hw_thermal_seconds") {
				if hard++; core < recovered-1 {
					t.Errorf("throttled by the hardware at %v °C", core)
				}
				if number(t, m, "clock_sm_hertz") > fastest/2 && int64(number(t, m, "throttle_reasons"))&vocabulary.ThrottleHWThermal != 0 {
					t.Error("the hardware throttles, and the clock is high")
				}
			}
		})
		if soft == 0 || hard == 0 {
			t.Errorf("throttled %d times by the driver, %d by the hardware", soft, hard)
		}
	})
	t.Run("power_cap", func(t *testing.T) {
		capped := 0
		watch(t, "power_cap", time.Minute, func(m, before *sdk.Metric) {
			if grew(m, before, "throttle_sw_power_seconds") {
				capped++
			}
			if p, limit := number(t, m, "power_average_watts"), number(t, m, "power_limit_watts"); limit != 350 || p > 1.1*limit {
				t.Errorf("%v W on average with a limit of %v W", p, limit)
			}
			if grew(m, before, "throttle_sw_thermal_seconds") {
				t.Error("throttled for heat while cool")
			}
		})
		if capped == 0 {
			t.Error("the limit is never felt")
		}
	})
	t.Run("memory_leak", func(t *testing.T) {
		var fullest, drop float64
		watch(t, "memory_leak", 150*time.Second, func(m, before *sdk.Metric) {
			fullest = max(fullest, number(t, m, "memory_used_ratio"))
			drop = max(drop, number(t, before, "memory_used_bytes")-number(t, m, "memory_used_bytes"))
		})
		if fullest < 0.97 || drop < 0.3*total {
			t.Errorf("memory fills to %v, the process frees %v when it dies", fullest, drop)
		}
	})
	t.Run("ecc", func(t *testing.T) {
		corrected, uncorrected := 0, 0
		watch(t, "ecc", 2*time.Minute, func(m, before *sdk.Metric) {
			if grew(m, before, "ecc_corrected_errors") {
				corrected++
			}
			if grew(m, before, "ecc_uncorrected_errors") {
				uncorrected++
				if number(t, m, "xid") != 63 || number(t, m, "row_remap_pending") != 1 {
					t.Errorf("an uncorrected error leaves no trace: %s", sdktest.Line(m))
				}
			}
		})
		if corrected <= uncorrected || uncorrected == 0 {
			t.Errorf("%d corrected, %d uncorrected errors", corrected, uncorrected)
		}
	})
	t.Run("idle", func(t *testing.T) {
		watch(t, "idle", time.Minute, func(m, _ *sdk.Metric) {
			if number(t, m, "utilization_ratio") != 0 || number(t, m, "clock_sm_hertz") != slowest || number(t, m, "throttle_reasons") != vocabulary.ThrottleIdle {
				t.Errorf("not idle: %s", sdktest.Line(m))
			}
		})
	})
	t.Run("training", func(t *testing.T) {
		var sum, n float64
		watch(t, "training", time.Minute, func(m, _ *sdk.Metric) {
			sum, n = sum+number(t, m, "utilization_ratio"), n+1
		})
		if sum/n < 0.9 {
			t.Errorf("busy for %v of the time", sum/n)
		}
	})
}

func TestUtilizationHidesBursts(t *testing.T) {
	// What the driver shows is a mean over its period: it lies strictly between, most of the time.
	between := 0
	watch(t, "inference", 30*time.Second, func(m, _ *sdk.Metric) {
		if u := number(t, m, "utilization_ratio"); u > 0 && u < 1 {
			between++
		}
	})
	if between < 450 {
		t.Errorf("%d of 900 samples", between)
	}
}

func TestThrottleOnset(t *testing.T) {
	in := newMachine(t, func(c *Config) { c.GPUs, c.Scenario = 1, "power_cap" })
	events := 0
	for range 600 {
		for m := range in.after(100 * time.Millisecond).All() {
			if m.Name() == vocabulary.Event {
				events++
				if m.Class() != sdk.ClassEvent || m.Tag("event") != "throttle" || m.Tag("code") != "sw_power" || m.Tag("gpu_index") != "0" {
					t.Errorf("unexpected event: %s", sdktest.Line(m))
				}
			}
		}
	}
	if events == 0 || events > 6 {
		t.Errorf("%d events in a minute, each at least 10 s of quiet after the other", events)
	}
}

func TestLostGPU(t *testing.T) {
	in := newMachine(t, func(c *Config) { c.GPUs, c.Scenario = 3, "lost_gpu" })
	var events []string
	for range 300 {
		b := in.after(100 * time.Millisecond)
		for m := range b.All() {
			if m.Name() == vocabulary.Event && m.Tag("event") != "throttle" {
				events = append(events, m.Tag("gpu_index")+" "+m.Tag("event")+" "+m.Tag("code")+" "+m.Tag("severity"))
			}
		}
		rows := samples(b)
		if len(rows) != 3 {
			t.Fatalf("%d GPUs report", len(rows))
		}
		lost := in.clock.Sub(start)+2*time.Second > 20*time.Second
		if m := rows["2"]; (number(t, m, "up") == 0) != lost || lost && m.Len() != 1 {
			t.Fatalf("after %v: %s", in.clock.Sub(start), sdktest.Line(m))
		}
		if number(t, rows["0"], "up") != 1 || number(t, rows["1"], "up") != 1 {
			t.Fatal("the others are lost too")
		}
	}
	if want := []string{"2 xid 79 critical", "2 lost  critical"}; !slices.Equal(events, want) {
		t.Errorf("events %q, want %q", events, want)
	}
}
