package wire_test

import (
	"fmt"
	"syscall"
	"testing"

	pb "google.golang.org/protobuf/proto"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// sample returns a batch as an input reads it: 1,000 rows of 4 tags and 10 fields, of 8 GPUs, in as many
// shapes as asked for.
func sample(c *sdk.Catalog, shapes int) *sdk.Batch {
	b := sdk.NewBatch(c)
	for i := range 1000 {
		s := b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i % 8)}, sdk.Tag{Key: "gpu_uuid", Value: fmt.Sprint("GPU-8f6e7c1a-", i%8)},
			sdk.Tag{Key: "host", Value: "node-17"}, sdk.Tag{Key: "source", Value: "nvml"})
		m := b.Add(s, 1700000000000000000+int64(i)*1000)
		for f := range 10 {
			m.Float(fmt.Sprint("field_", f, "_", i%shapes), float64(i*f)+0.25)
		}
	}
	return b
}

// cpu returns the processor time of this process in seconds, those of the garbage collector included: on a
// busy machine it tells more than the clock does.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func BenchmarkRoundTrip(b *testing.B) {
	f := func(name string, shapes int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			near, far := sdk.NewCatalog(sdk.Limits{}), sdk.NewCatalog(sdk.Limits{})
			in, out := sample(near, shapes), sdk.NewBatch(far)
			encoder, decoder := wire.NewEncoder(wire.Protocol), wire.NewDecoder(far, wire.Protocol)
			size, start := 0, cpu()
			for b.Loop() {
				out.Reset()
				err := encoder.Encode(in, func(msg *proto.Batch, _ bool) error {
					text, err := pb.Marshal(msg)
					if err != nil {
						return err
					}
					size = len(text)
					got := new(proto.Batch)
					if err := pb.Unmarshal(text, got); err != nil {
						return err
					}
					rows, err := decoder.Decode(got)
					if err == nil {
						rows.Deliver(out)
					}
					return err
				})
				if err != nil || out.Len() != in.Len() {
					b.Fatal(out.Len(), err)
				}
			}
			b.ReportMetric((cpu()-start)*1e9/float64(b.N)/1000, "cpu-ns/metric")
			b.ReportMetric(float64(size)/1000, "B/metric")
		})
	}
	f("one shape", 1)
	f("mixed shapes", 7)
}
