//go:build cgo

package nvml

import (
	"math"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestTraffic holds that PCIe's bytes are counted at every rate that a link has, though the driver's counter of 32 bits
// wraps fifteen times a second, and that they are read so often only while the link is busy.
func TestTraffic(t *testing.T) {
	f := func(interval time.Duration) {
		t.Run(interval.String(), func(t *testing.T) { traffics(t, interval) })
	}
	f(100 * ms)
	f(time.Second)
	f(5 * time.Second)
}

func traffics(t *testing.T, interval time.Duration) {
	h := newHost(t, 1, usual(), interval, func(s *fakedriver.Scenario) {
		g := s.GPUs[0]
		g.Set("pcie_bits", 32)
		g.Set("pcie_start", 1<<32-1_500_000_000)
		g.Line(fakedriver.PCIeTX).Base(50).At(30*time.Second, 23_000).At(90*time.Second, 63_000).At(120*time.Second, 100)
		g.Line(fakedriver.PCIeRX).Base(0)
	})
	h.open()
	var readings []float64
	var rows []row
	for range 210 * time.Second / interval {
		rows = append(rows, with(of(h.tick(interval), "gpu", "0"), "pcie_tx_bytes")...)
		readings = append(readings, h.total("gpuline_nvml_calls_total", "call", "DeviceGetFieldValues"))
	}
	count := func(at time.Duration) float64 {
		for _, r := range rows {
			if r.at >= at {
				return r.fields["pcie_tx_bytes"]
			}
		}
		return -1
	}
	g := func(from, to time.Duration, want, often float64) {
		t.Helper()
		if got := count(to) - count(from); math.Abs(got-want) > want/100+1e6 {
			t.Errorf("from %v to %v: %v bytes, want %v", from, to, got, want)
		}
		calls := readings[to/interval-1] - readings[from/interval-1]
		if a := calls / (to - from).Seconds(); a < often*0.8 || a > often*1.2+1 {
			t.Errorf("from %v to %v: %.1f calls a second, want %v", from, to, a, often)
		}
	}
	quiet := 2.1 / max(interval.Seconds(), 1)
	g(5*time.Second, 25*time.Second, 1e9, quiet)
	g(40*time.Second, 85*time.Second, 23e9*45, 33)
	g(95*time.Second, 115*time.Second, 63e9*20, 33)
	g(125*time.Second, 145*time.Second, 2e9, 33) // it may begin again
	g(160*time.Second, 200*time.Second, 4e9, quiet)
}

// TestLateTraffic holds that a counter which a long call kept from being read in time is taken to have wrapped as often
// as it must have.
func TestLateTraffic(t *testing.T) {
	h := newHost(t, 2, usual(), time.Second, func(s *fakedriver.Scenario) {
		for _, g := range s.GPUs {
			g.Set("pcie_bits", 32)
			g.Line(fakedriver.PCIeRX).Base(50_000)
		}
	})
	h.open()
	before := with(of(h.ticks(3, time.Second), "gpu", "1"), "pcie_rx_bytes")
	for range 9 {
		h.clock.Advance(400 * ms)
		h.m.count(h.now().wall)
		h.tick(600 * ms)
	}
	after := with(of(h.tick(time.Second), "gpu", "1"), "pcie_rx_bytes")
	if got, want := after[0].fields["pcie_rx_bytes"]-before[len(before)-1].fields["pcie_rx_bytes"], 50e9*10; math.Abs(got-want) > 1e6 {
		t.Errorf("%v bytes, want %v", got, want)
	}
}
