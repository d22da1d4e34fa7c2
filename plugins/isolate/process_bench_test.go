package isolate_test

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// fleet is an input that costs little itself: 8 rows of 20 fields.
type fleet struct{ n int64 }

func (f *fleet) Gather(_ context.Context, b *sdk.Batch) error {
	for i := range 8 {
		m := b.Add(b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: strconv.Itoa(i)}), time.Now().UnixNano())
		for j := range names {
			f.n++
			m.Float(names[j], float64(f.n))
		}
	}
	return nil
}

var names = func() (names [20]string) {
	for i := range names {
		names[i] = "reading_" + strconv.Itoa(i) + "_watts"
	}
	return names
}()

var fleetDefinition = sdk.DefineInput("fleet", "for benchmarks", "", func(*struct{}) (any, error) { return new(fleet), nil })

// BenchmarkProcesses measures what an isolated input costs in each of the two processes, as shares of a
// core, and the memory of the child. An operation is a second.
func BenchmarkProcesses(b *testing.B) {
	f := func(interval time.Duration) {
		b.Run(interval.String(), func(b *testing.B) {
			in, err := isolate.New("fleet", &struct{}{})
			if err != nil {
				b.Fatal(err)
			}
			env := sdktest.Env(b, sdk.NewCatalog(sdk.Limits{}))
			env.Launch, env.Interval = launch.Self, interval
			if err := in.Open(b.Context(), env); err != nil {
				b.Fatal(err)
			}
			batch := sdk.NewBatch(env.Catalog)
			ctx, cancel := context.WithTimeout(b.Context(), 1100*time.Millisecond)
			for ctx.Err() == nil { // until all is warm and the first figures are there
				batch.Reset()
				_, _ = in.Read(ctx, batch)
			}
			cancel()
			own, child, reads, rows := processorTime(), figure(env.Meter, "gpuline_child_cpu_seconds_total"), 0, 0
			b.ReportAllocs()
			b.ResetTimer()
			ctx, cancel = context.WithTimeout(b.Context(), time.Duration(b.N)*time.Second)
			for ctx.Err() == nil {
				batch.Reset()
				_, _ = in.Read(ctx, batch)
				reads, rows = reads+1, rows+batch.Len()
			}
			cancel()
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric(100*(processorTime()-own)/n, "%agent")
			b.ReportMetric(100*(figure(env.Meter, "gpuline_child_cpu_seconds_total")-child)/n, "%child")
			b.ReportMetric(figure(env.Meter, "gpuline_child_resident_bytes")/(1<<20), "child-MiB")
			b.ReportMetric(float64(reads)/n, "reads/s")
			b.ReportMetric(float64(rows)/n, "rows/s")
			if err := in.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
	f(10 * time.Millisecond)
	f(100 * time.Millisecond)
	f(time.Second)
}

func figure(m *sdk.Meter, name string) float64 {
	for t := range m.Totals() {
		if t.Name == name {
			return t.Value
		}
	}
	return 0
}

func processorTime() float64 {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
}
