//go:build cgo

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// reading is a number that the driver gives at once, as often as it is asked.
type reading struct {
	name string
	read func() (any, nvml.Return)
}

// probe says how the driver behaves where its header leaves that open: how often readings change and what a call
// takes, what profiling says of snapshots that are close, which events there are, what is refused.
func (b *bench) probe(ctx context.Context, api nvml.Interface, gpu nvml.Device, say func(string, ...any)) {
	has := func(name string) bool { return api.Extensions().LookupSymbol("nvml"+name) == nil }
	var missing []string
	for _, name := range called {
		if !has(name) {
			missing = append(missing, name)
		}
	}
	say("Functions that the library lacks: %d %s\n", len(missing), strings.Join(missing, " "))
	field := func(id, scope uint32) func() (any, nvml.Return) {
		return func() (any, nvml.Return) {
			v := []nvml.FieldValue{{FieldId: id, ScopeId: scope}}
			ret := gpu.GetFieldValues(v)
			if ret == nvml.SUCCESS {
				ret = nvml.Return(v[0].NvmlReturn)
			}
			return number(v[0].ValueType, v[0].Value), ret
		}
	}
	say("| reading | NVML says | a call takes, median | it changes each |\n|---|---|---|---|")
	for _, r := range []reading{
		{"energy", func() (any, nvml.Return) { return gpu.GetTotalEnergyConsumption() }},
		{"power, instant (field 186)", field(nvml.FI_DEV_POWER_INSTANT, 0)},
		{"power, mean (field 185)", field(nvml.FI_DEV_POWER_AVERAGE, 0)},
		{"PCIe bytes received (field 198)", field(nvml.FI_DEV_PCIE_COUNT_RX_BYTES, 0)},
		{"memory temperature (field 82)", field(nvml.FI_DEV_MEMORY_TEMP, 0)},
		{"utilisation", func() (any, nvml.Return) { u, ret := gpu.GetUtilizationRates(); return u.Gpu, ret }},
		{"SM clock", func() (any, nvml.Return) { return gpu.GetClockInfo(nvml.CLOCK_SM) }},
	} {
		if ctx.Err() != nil {
			return
		}
		say("| %s | %s |", r.name, r.watch(time.Second))
	}
	say("")
	if has("GpmQueryDeviceSupport") && has("GpmSampleGet") {
		probeGPM(ctx, api, gpu, say)
	}
	if has("EventSetCreate") {
		probeEvents(api, gpu, say)
	}
}

// called are functions that old drivers lack.
var called = []string{
	"DeviceGetSamples", "DeviceGetFieldValues", "DeviceGetTotalEnergyConsumption", "DeviceGetMemoryInfo_v2", "DeviceGetMarginTemperature",
	"DeviceGetCurrentClocksEventReasons", "DeviceGetComputeRunningProcesses_v2", "DeviceGetComputeRunningProcesses_v3", "DeviceGetProcessUtilization",
	"DeviceGetProcessesUtilizationInfo", "DeviceGetGpuFabricInfoV", "GpmQueryDeviceSupport", "GpmSampleGet", "GpmMigSampleGet", "GpmMetricsGet", "EventSetWait_v2",
}

// watch reads for a while, and says what came of it.
func (r *reading) watch(length time.Duration) string {
	var took, gaps []float64
	last, changed := any(nil), time.Time{}
	for began := time.Now(); time.Since(began) < length; time.Sleep(time.Millisecond) {
		before := time.Now()
		v, ret := r.read()
		took = append(took, float64(time.Since(before)))
		if ret != nvml.SUCCESS {
			return fmt.Sprintf("%d | %.1f µs |", int(ret), took[0]/1e3)
		}
		if v != last && !changed.IsZero() {
			gaps = append(gaps, float64(before.Sub(changed)))
		}
		if v != last || changed.IsZero() {
			last, changed = v, before
		}
	}
	if len(gaps) == 0 {
		return fmt.Sprintf("0, %v | %.1f µs | not in %v", last, median(took)/1e3, length)
	}
	return fmt.Sprintf("0, %v | %.1f µs | %.1f ms, least %.1f", last, median(took)/1e3, median(gaps)/1e6, slices.Min(gaps)/1e6)
}

// probeGPM compares snapshots at several distances.
func probeGPM(ctx context.Context, api nvml.Interface, gpu nvml.Device, say func(string, ...any)) {
	support, ret := gpu.GpmQueryDeviceSupport()
	say("Profiling: NVML says %d, supported %d.\n", int(ret), support.IsSupportedDevice)
	if ret != nvml.SUCCESS || support.IsSupportedDevice == 0 {
		return
	}
	a, ret := api.GpmSampleAlloc()
	if ret != nvml.SUCCESS {
		return
	}
	defer func() { _ = a.Free() }()
	b, ret := api.GpmSampleAlloc()
	if ret != nvml.SUCCESS {
		return
	}
	defer func() { _ = b.Free() }()
	say("| between two snapshots | taking them | comparing | SM activity | a snapshot takes |\n|---|---|---|---|---|")
	for _, gap := range []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond, 90 * time.Millisecond, 150 * time.Millisecond, time.Second} {
		if ctx.Err() != nil {
			return
		}
		before := time.Now()
		first := gpu.GpmSampleGet(a)
		took := time.Since(before)
		time.Sleep(gap)
		second := gpu.GpmSampleGet(b)
		get := nvml.GpmMetricsGetType{NumMetrics: 1, Sample1: a, Sample2: b}
		get.Metrics[0].MetricId = uint32(nvml.GPM_METRIC_SM_UTIL)
		ret := api.GpmMetricsGet(&get)
		say("| %v | %d, %d | %d | %.2f, says %d | %v |", gap, int(first), int(second), int(ret), get.Metrics[0].Value, get.Metrics[0].NvmlReturn, took)
	}
	say("")
}

func probeEvents(api nvml.Interface, gpu nvml.Device, say func(string, ...any)) {
	types, ret := gpu.GetSupportedEventTypes()
	set, made := api.EventSetCreate()
	if made != nvml.SUCCESS {
		say("Events: no set, NVML says %d.\n", int(made))
		return
	}
	defer func() { _ = set.Free() }()
	registered := gpu.RegisterEvents(types, set)
	_, waited := set.Wait(10)
	say("Events: types %#x (NVML says %d), registered %d, waiting 10 ms gives %d.\n", types, int(ret), int(registered), int(waited))
}
