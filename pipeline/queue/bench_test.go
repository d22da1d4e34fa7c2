package queue

import (
	"fmt"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// readings makes n metrics like those of 8 GPUs: 6 tags, 13 fields, 369 bytes as a line.
func readings(c *sdk.Catalog, n int) []*sdk.Metric {
	b := sdk.NewBatch(c)
	var series [8]*sdk.Series
	for gpu := range series {
		tag := func(key, format string) sdk.Tag { return sdk.Tag{Key: key, Value: fmt.Sprintf(format, gpu)} }
		series[gpu] = b.Series("gpu", tag("gpu_index", "%d"), tag("gpu_name", "NVIDIA H100 %d"), tag("gpu_uuid", "GPU-7a1c%04d-3f2b-11ee-be56-0242ac12"),
			tag("host", "node-17%d"), tag("pci_bus_id", "00000000:%02d:00.0"), tag("source", "nvml%d"))
	}
	var all []*sdk.Metric
	for i := range n {
		m := b.Add(series[i%8], 1_700_000_000_000_000_000+int64(i/8)*1_000_000)
		x := float64(i*7919%1000) / 1000
		m.Float("utilization_ratio", x)
		m.Float("memory_activity_ratio", 1-x)
		m.Int("memory_used_bytes", 40_000_000_000+int64(x*1e9))
		m.Int("memory_total_bytes", 85_899_345_920)
		m.Float("power_watts", 300+100*x)
		m.Float("power_limit_watts", 700)
		m.Float("energy_joules", 1e6+float64(i)*0.3)
		m.Int("temperature_celsius", 60+int64(x*9))
		m.Int("clock_sm_hertz", 1_500_000_000+int64(x*1e8))
		m.Int("clock_memory_hertz", 2_619_000_000)
		m.Float("fan_ratio", 0)
		m.Int("pstate", 0)
		m.Int("throttle_reasons", int64(x*8))
		all = append(all, m)
	}
	return all
}

func report(bm *testing.B, rows int, begun time.Time) {
	took := time.Since(begun)
	bm.ReportMetric(float64(took.Nanoseconds())/float64(bm.N*rows), "ns/row")
	bm.ReportMetric(float64(bm.N*rows)/took.Seconds(), "rows/s")
}

// BenchmarkDiskPush pushes 1000 rows at a time while nothing is taken, as fast as the disk commits them.
func BenchmarkDiskPush(bm *testing.B) {
	q := start(bm, bm.TempDir(), Limits{MaxBytes: 4 << 30, BatchSize: 1000})
	r := readings(q.catalog, 1000)
	bm.ReportAllocs()
	begun := time.Now()
	for bm.Loop() {
		q.WaitRoom(bm.Context())
		q.Push(r, Source{Held: true})
	}
	for q.Stats().Volatile > 0 {
		time.Sleep(time.Millisecond)
	}
	report(bm, 1000, begun)
}

// BenchmarkDiskTake takes from disk what was queued, while nothing is pushed.
func BenchmarkDiskTake(bm *testing.B) {
	path := bm.TempDir()
	limits := Limits{MaxBytes: 4 << 30, BatchSize: 1000}
	q := start(bm, path, limits)
	r := readings(q.catalog, 1000)
	const batches = 1000
	fill := func() {
		for range batches {
			q.WaitRoom(bm.Context())
			q.Push(r, Source{Held: true})
		}
		for q.Stats().Volatile > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	bm.ReportAllocs()
	left := 0
	var took time.Duration
	for bm.Loop() {
		if left == 0 {
			bm.StopTimer()
			fill()
			left = batches
			bm.StartTimer()
		}
		begun := time.Now()
		b, err := q.Next(bm.Context())
		if err != nil {
			bm.Fatal(err)
		}
		q.Done(Outcome{Delivered: uint64(b.Len())})
		took += time.Since(begun)
		left--
	}
	report(bm, 1000, time.Now().Add(-took))
}

// BenchmarkDiskPass pushes and takes at once: most of it is delivered before it would be committed.
func BenchmarkDiskPass(bm *testing.B) {
	q := start(bm, bm.TempDir(), Limits{MaxBytes: 1 << 30, BatchSize: 1000})
	r := readings(q.catalog, 1000)
	bm.ReportAllocs()
	begun := time.Now()
	for bm.Loop() {
		q.Push(r, Source{})
		b, err := q.Next(bm.Context())
		if err != nil {
			bm.Fatal(err)
		}
		q.Done(Outcome{Delivered: uint64(b.Len())})
	}
	report(bm, 1000, begun)
}
