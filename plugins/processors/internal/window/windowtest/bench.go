package windowtest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Benchmark feeds p rows of 13 float fields, of 8 series at 1 kHz each, and reports the time per row and
// per field. Each burst of so many rows, a power of two, changes its place with the one before; 0 leaves all
// in order.
func Benchmark(bm *testing.B, p Processor, burst int) {
	const series, fields, size = 8, 13, 256
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	names := make([]sdk.Field, fields)
	for i := range names {
		names[i] = sdk.Field{Name: fmt.Sprintf("field_number_%d_watts", i), Unit: "watts"}
	}
	noise := make([]float64, 1<<12)
	for i := range noise {
		noise[i] = random.Float64() * 300
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(catalog)
	gpus := make([]*sdk.Series, series)
	for i := range gpus {
		gpus[i] = b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i)}, sdk.Tag{Key: "host", Value: "edge-7"})
	}
	n := 0
	fill := func() {
		b.Reset()
		for range size {
			m := b.Add(gpus[n%series], 1_700_000_000e9+int64((n^burst)/series)*1e6)
			for i := range names {
				m.SetNumber(names[i], noise[(n*7+i*131)%len(noise)])
			}
			n++
		}
	}
	run := func() {
		if err := p.Process(bm.Context(), b); err != nil {
			bm.Fatal(err)
		}
	}
	for range 20_000 * series / size { // until memory has its size
		fill()
		run()
	}
	bm.ReportAllocs()
	bm.ResetTimer()
	for bm.Loop() {
		bm.StopTimer()
		fill()
		bm.StartTimer()
		run()
	}
	perRow := float64(bm.Elapsed().Nanoseconds()) / float64(bm.N) / size
	bm.ReportMetric(perRow, "ns/row")
	bm.ReportMetric(perRow/fields, "ns/value")
}
