//go:build cgo

package nvml

import (
	"math"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestFieldNumbers holds that throttle times are asked for by the numbers that the driver knows them by: those
// of nvml.h moved with driver 580.82.
func TestFieldNumbers(t *testing.T) {
	f := func(version string) {
		t.Run(version, func(t *testing.T) { throttled(t, version) })
	}
	f("570.124.06")
	f("580.65.06")
	f("580.82.07")
	f("590.48.01")
}

func throttled(t *testing.T, version string) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.Driver = version
		s.GPUs[0].Line(fakedriver.Throttle).Burst(200*ms, 300*ms, 0x20).Burst(600*ms, 200*ms, 0x40).Burst(900*ms, 100*ms, 0x80)
	})
	h.open()
	rows := with(of(h.ticks(25, 100*ms), "gpu", "0"), "throttle_sw_power_seconds")
	for field, want := range map[string]float64{
		"throttle_sw_thermal_seconds": 0.3, "throttle_hw_thermal_seconds": 0.2, "throttle_power_brake_seconds": 0.1,
	} {
		if got, ok := rows[len(rows)-1].fields[field]; !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v (%v), want %v", field, got, ok, want)
		}
	}
}

// TestRefusedFields holds that a set of fields of which the GPU has none takes nothing from the other sets.
func TestRefusedFields(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Ring(fakedriver.PowerSamples).Off = true
		g.Unsupported("DeviceGetFieldValues/186")
		g.Set("fields_all_refused", 3)
	})
	h.open()
	rows := of(h.ticks(25, 100*ms), "gpu", "0")
	for _, field := range []string{"power_watts", "throttle_sw_power_seconds", "ecc_uncorrected_errors"} {
		if len(with(rows, field)) == 0 {
			t.Errorf("there is no %s", field)
		}
	}
}

// TestSandbox holds that a call which a sandbox does not let through is made once.
func TestSandbox(t *testing.T) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		s.GPUs[0].Error("DeviceGetTotalEnergyConsumption", 17, 0, fakedriver.Never)
		s.GPUs[0].Error("DeviceGetSamples", 17, 0, fakedriver.Never)
	})
	h.open()
	rows := of(h.ticks(50, 100*ms), "gpu", "0")
	if n := h.total("gpuline_nvml_calls_total", "call", "DeviceGetTotalEnergyConsumption"); n != 1 {
		t.Errorf("energy was asked for %v times", n)
	}
	if n := len(with(rows, "utilization_ratio")); n < 45 {
		t.Errorf("the current utilisation stood in %d times of 50", n)
	}
	if v := h.total("gpuline_nvml_call_failures_total"); v > 0 {
		t.Errorf("%v failures; the log:\n%s", v, h.log.String())
	}
}

// TestNVLink holds that what crosses the links is counted by whichever of the driver's fields a GPU has, and that the
// other is not asked for again.
func TestNVLink(t *testing.T) {
	f := func(name string, version int) { t.Run(name, func(t *testing.T) { linked(t, version) }) }
	f("Hopper", 4)
	f("Blackwell", 5)
}

func linked(t *testing.T, version int) {
	h := newHost(t, 1, usual(), 100*ms, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Set("nvlink_version", version)
		g.Line(fakedriver.NVLinkTX).Base(700_000)
		g.Line(fakedriver.NVLinkRX).Base(20_480)
		g.Line("nvlink_recovery_errors").Base(3)
	})
	h.open()
	rows := of(h.ticks(25, 100*ms), "gpu", "0")
	for field, want := range map[string]float64{"nvlink_tx_bytes": 700e9, "nvlink_rx_bytes": 20_480e6} {
		r := with(rows, field)
		if len(r) != 3 {
			t.Fatalf("%d rows with %s", len(r), field)
		}
		if got := r[2].fields[field] - r[1].fields[field]; math.Abs(got-want) > 1024 {
			t.Errorf("%s grew by %v, want %v", field, got, want)
		}
	}
	if r := with(rows, "nvlink_recoveries"); len(r) == 0 || r[0].fields["nvlink_recoveries"] != 3 {
		t.Errorf("recoveries: %v", r)
	}
	asked := map[string]int{}
	for _, r := range append(h.m.devices[0].normalFields.readings, h.m.devices[0].slowFields.readings...) {
		asked[r.field.Name]++
	}
	for _, field := range []string{"nvlink_tx_bytes", "nvlink_rx_bytes", "nvlink_recoveries"} {
		if asked[field] != 1 {
			t.Errorf("%s is asked for by %d numbers", field, asked[field])
		}
	}
}
