//go:build cgo

package fakedriver_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

const ms = time.Millisecond

// busy gives a GPU time lines of every kind: steps, single bursts, a train, a loop.
func busy(g *fakedriver.GPU, random *rand.Rand, length time.Duration) {
	power := g.Line(fakedriver.Power).Base(70_000)
	util := g.Line(fakedriver.GPUUtil)
	for t := time.Duration(0); t < length; t += 200*ms + time.Duration(random.IntN(400))*ms {
		d := time.Duration(1+random.IntN(150)) * ms
		power.Burst(t, d, 300_000+random.Int64N(400_000))
		util.Burst(t, d, 1+random.Int64N(100))
	}
	for t := time.Duration(0); t < length; t += time.Duration(random.IntN(30_000)) * ms {
		power.At(t, 60_000+random.Int64N(100_000))
		g.Line(fakedriver.Temperature).At(t, 30+random.Int64N(60))
	}
	g.Line(fakedriver.MemoryUtil).Train(0, length, 300*ms, 30*ms, 80)
	g.Line(fakedriver.ClockSM).Base(1410).Burst(10*ms, 25*ms, 1980).At(60*ms, 1200).Loop(100 * ms)
	g.Line(fakedriver.ModulePower).Base(200_000)
	g.Line(fakedriver.Throttle).Burst(time.Second, 1500*time.Microsecond, 0x24).Burst(2*time.Second, time.Second, 0x4).At(5*time.Second, 0x60).At(9*time.Second, 0)
	g.Line(fakedriver.PCIeTX).Base(5).Train(0, length, time.Second, 333*ms, 50_000)
	g.Line(fakedriver.NVLinkRX).Burst(time.Second, 7*time.Second, 400_000)
	g.Line(fakedriver.GPMTensor).Train(0, length, 250*ms, 40*ms, 970)
}

// Ten minutes are drained every 100 ms and a bit: each entry of each ring arrives, once, with the value and
// the stamp that the scenario's truth has.
func TestRingsExactlyOnce(t *testing.T) {
	const length = 10 * time.Minute
	random := rand.New(rand.NewPCG(1, 2))
	s := newScenario(t, 2)
	s.Loaded = -3 * time.Second
	for _, g := range s.GPUs {
		busy(g, random, length)
	}
	power, util := s.GPUs[1].Ring(fakedriver.PowerSamples), s.GPUs[1].Ring(fakedriver.GPUUtilSamples)
	power.Epoch, power.Delay, power.Phase, power.Zeroed = true, 37*ms, 3*ms, true
	util.OutlierEvery, util.Outlier, util.Period, util.Zeroed = 50, 4294967295, 20*ms, true
	truths := []*fakedriver.Truth{s.GPUs[0].Truth(), s.GPUs[1].Truth()}
	lib := start(t, s)

	type key struct{ gpu, kind int }
	got := map[key][]fakedriver.Sample{}
	seen := map[key]uint64{}
	drain := func() {
		for i := range truths {
			d := gpu(t, lib, i)
			for kind := range 10 {
				k := key{i, kind}
				_, samples, ret := d.GetSamples(nvml.SamplingType(kind), seen[k])
				if ret != nvml.SUCCESS && ret != nvml.ERROR_NOT_FOUND {
					t.Fatalf("GetSamples(%d): %v", kind, ret)
				}
				for _, sample := range samples {
					if ret != nvml.SUCCESS || sample.TimeStamp == 0 {
						continue
					}
					seen[k] = sample.TimeStamp
					value := uint32(sample.SampleValue[0]) | uint32(sample.SampleValue[1])<<8 | uint32(sample.SampleValue[2])<<16 | uint32(sample.SampleValue[3])<<24
					got[k] = append(got[k], fakedriver.Sample{Stamp: sample.TimeStamp, Value: value})
				}
			}
		}
	}
	end := s.Clock.Boot() + length
	begin := s.Clock.Boot()
	for s.Clock.Boot() < end {
		drain()
		s.Clock.Advance(min(100*ms+time.Duration(random.IntN(3000))*time.Microsecond, end-s.Clock.Boot()))
	}
	drain()

	total := 0
	for i, truth := range truths {
		for kind := range 10 {
			ring := s.GPUs[i].Ring(fakedriver.Sampling(kind))
			// The first drain finds what fits into the ring, since the driver's load.
			from := max(-ring.Delay-time.Duration(ring.Size)*ring.Period, s.Loaded-time.Microsecond)
			want := truth.Samples(fakedriver.Sampling(kind), from, s.Clock.Boot()-begin-ring.Delay)
			for j := range want {
				want[j].At, want[j].Outlier = 0, false
			}
			have := got[key{i, kind}]
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("GPU %d, ring %d: %d entries, want %d: -want +got\n%.2000s", i, kind, len(have), len(want), diff)
			}
			total += len(have)
		}
	}
	t.Logf("%d entries", total)
}

func TestCounters(t *testing.T) {
	const length = time.Minute
	s := newScenario(t, 1)
	busy(s.GPUs[0], rand.New(rand.NewPCG(3, 4)), length)
	s.GPUs[0].Set("nvlinks", 4)
	truth := s.GPUs[0].Truth()
	d := gpu(t, start(t, s), 0)
	begin := s.Clock.Boot()
	for s.Clock.Boot()-begin < length {
		s.Clock.Advance(777*ms + 123*time.Microsecond)
		at := s.Clock.Boot() - begin
		energy, ret := d.GetTotalEnergyConsumption()
		equal(t, "energy", ret, nvml.SUCCESS)
		equal(t, "energy", int64(energy), truth.Energy(at))
		fields := map[uint32]int64{
			nvml.FI_DEV_TOTAL_ENERGY_CONSUMPTION:                    truth.Energy(at),
			nvml.FI_DEV_ENERGY:                                      truth.Energy(at),
			nvml.FI_DEV_PERF_POLICY_POWER:                           truth.Throttled(0x4, at).Nanoseconds(),
			nvml.FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN:       truth.Throttled(0x20, at).Nanoseconds(),
			nvml.FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN:       truth.Throttled(0x40, at).Nanoseconds(),
			nvml.FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN: 0,
			nvml.FI_DEV_PCIE_COUNT_TX_BYTES:                         truth.Counter(fakedriver.PCIeTX, at),
			nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX:                   truth.Counter(fakedriver.NVLinkRX, at) / 1024,
		}
		for id, want := range fields {
			equal(t, fmt.Sprintf("field %d at %v", id, at), int64(field(t, d, id, math.MaxUint32)), want)
		}
		equal(t, "one link", int64(field(t, d, nvml.FI_DEV_NVLINK_THROUGHPUT_DATA_RX, 2)), truth.Counter(fakedriver.NVLinkRX, at)/4/1024)
		equal(t, "instant power", int64(field(t, d, nvml.FI_DEV_POWER_INSTANT, 0)), truth.Value(fakedriver.Power, at))
		equal(t, "average power", float64(field(t, d, nvml.FI_DEV_POWER_AVERAGE, 0)), math.Floor(truth.Mean(fakedriver.Power, at-time.Second, at)+0.5))
	}
}

func field(t testing.TB, d nvml.Device, id, scope uint32) uint64 {
	t.Helper()
	values := []nvml.FieldValue{{FieldId: id, ScopeId: scope}}
	if ret := d.GetFieldValues(values); ret != nvml.SUCCESS {
		t.Fatalf("GetFieldValues: %v", ret)
	}
	if ret := nvml.Return(values[0].NvmlReturn); ret != nvml.SUCCESS {
		t.Fatalf("field %d: %v", id, ret)
	}
	v := binary.NativeEndian.Uint64(values[0].Value[:])
	switch nvml.ValueType(values[0].ValueType) {
	case nvml.VALUE_TYPE_UNSIGNED_INT, nvml.VALUE_TYPE_SIGNED_INT:
		return v & math.MaxUint32
	}
	return v
}

func TestPCIeCounterWraps(t *testing.T) {
	s := newScenario(t, 1)
	g := s.GPUs[0]
	g.Line(fakedriver.PCIeTX).Base(1000)
	g.Set("pcie_bits", 32)
	g.Set("pcie_start", 1<<32-1_500_000_000)
	d := gpu(t, start(t, s), 0)
	s.Clock.Advance(time.Second)
	equal(t, "before the wrap", field(t, d, nvml.FI_DEV_PCIE_COUNT_TX_BYTES, 0), uint64(1<<32-500_000_000))
	s.Clock.Advance(time.Second)
	equal(t, "after it", field(t, d, nvml.FI_DEV_PCIE_COUNT_TX_BYTES, 0), uint64(500_000_000))
}

func TestGPM(t *testing.T) {
	s := newScenario(t, 1)
	g := s.GPUs[0]
	busy(g, rand.New(rand.NewPCG(5, 6)), time.Minute)
	inst := g.MIG(2, 0, 9984, 16, 1)
	inst.Line(fakedriver.GPMSM).Base(100).Train(0, time.Minute, 200*ms, 50*ms, 900)
	truth, instTruth := g.Truth(), inst.Truth()
	lib := start(t, s)
	d := gpu(t, lib, 0)
	support, ret := d.GpmQueryDeviceSupport()
	equal(t, "support", ret, nvml.SUCCESS)
	equal(t, "support", support.IsSupportedDevice, 1)

	var samples [4]nvml.GpmSample
	for i := range samples {
		samples[i], ret = lib.GpmSampleAlloc()
		equal(t, "alloc", ret, nvml.SUCCESS)
		defer samples[i].Free()
	}
	get := func(a, b nvml.GpmSample, id nvml.GpmMetricId) float64 {
		t.Helper()
		metrics := nvml.GpmMetricsGetType{NumMetrics: 1, Sample1: a, Sample2: b}
		metrics.Metrics[0].MetricId = uint32(id)
		equal(t, "GpmMetricsGet", lib.GpmMetricsGet(&metrics), nvml.SUCCESS)
		equal(t, fmt.Sprintf("metric %d", id), nvml.Return(metrics.Metrics[0].NvmlReturn), nvml.SUCCESS)
		return metrics.Metrics[0].Value
	}
	equal(t, "first", d.GpmSampleGet(samples[0]), nvml.SUCCESS)
	equal(t, "first of the instance", d.GpmMigSampleGet(2, samples[2]), nvml.SUCCESS)
	last := time.Duration(0)
	for at := time.Duration(0); at < 20*time.Second; {
		s.Clock.Advance(133 * ms)
		at += 133 * ms
		equal(t, "sample", samples[1].Get(d), nvml.SUCCESS)
		equal(t, "sample of the instance", d.GpmMigSampleGet(2, samples[3]), nvml.SUCCESS)
		near(t, "tensor", get(samples[0], samples[1], nvml.GPM_METRIC_ANY_TENSOR_UTIL), truth.Mean(fakedriver.GPMTensor, last, at)/10)
		near(t, "PCIe", get(samples[0], samples[1], nvml.GPM_METRIC_PCIE_TX_PER_SEC), truth.Mean(fakedriver.PCIeTX, last, at)*1e6/(1<<20))
		near(t, "NVLink 3", get(samples[0], samples[1], nvml.GPM_METRIC_NVLINK_L3_RX_PER_SEC), truth.Mean(fakedriver.NVLinkRX, last, at)*1e6/(1<<20)/18)
		near(t, "SM of the instance", get(samples[2], samples[3], nvml.GPM_METRIC_SM_UTIL), instTruth.Mean(fakedriver.GPMSM, last, at)/10)
		samples[0], samples[1] = samples[1], samples[0]
		samples[2], samples[3] = samples[3], samples[2]
		last = at
	}
	equal(t, "no such instance", d.GpmMigSampleGet(5, samples[0]), nvml.ERROR_NOT_FOUND)
}

func near(t testing.TB, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
