package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// cpu returns the processor time that this process and its children, once they have ended, have used, in
// seconds.
func cpu() float64 {
	var all float64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			panic(err)
		}
		all += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	return all
}

// run measures what f, which moves so many metrics at each call, costs both processes together.
func run(b *testing.B, i any, metrics int, f func(c *sdk.Catalog) func()) {
	env := sdktest.Env(b, sdk.NewCatalog(sdk.Limits{}))
	env.Log = slog.New(slog.DiscardHandler)
	before := cpu()
	if err := i.(sdk.Opener).Open(b.Context(), env); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	step := f(env.Catalog)
	for range 20 {
		step()
	}
	n := 20
	for b.Loop() {
		step()
		n++
	}
	elapsed := b.Elapsed()
	if err := i.(interface{ Close() error }).Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((cpu()-before)*1e6/float64(n*metrics), "cpu-s/1M")
	b.ReportMetric(float64(b.N*metrics)/elapsed.Seconds()/1e6, "M/s")
}

// stream is rows of 4 tags and 10 fields in so many shapes.
func stream(b *sdk.Batch, shapes int) {
	for i := range 1000 {
		s := b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i % 8)}, sdk.Tag{Key: "gpu_uuid", Value: fmt.Sprint("GPU-", i%8)},
			sdk.Tag{Key: "host", Value: "node-17"}, sdk.Tag{Key: "source", Value: "nvml"})
		m := b.Add(s, 1700000000000000000+int64(i)*1000)
		for f := range 10 {
			m.Float(fmt.Sprint("field_", f, "_", i%shapes), float64(i*f)+0.25)
		}
	}
}

// BenchmarkInput takes batches of 1,000 metrics from a process that has them ready.
func BenchmarkInput(b *testing.B) {
	f := func(name string, shapes int64) {
		b.Run(name, func(b *testing.B) {
			i := instance(b, true, sdk.RoleInput, "ready", table{"shapes": shapes}, nil)
			run(b, i, 1000, func(c *sdk.Catalog) func() {
				batch := sdk.NewBatch(c)
				return func() {
					batch.Reset()
					if _, err := i.(sdk.Reader).Read(b.Context(), batch); err != nil || batch.Len() != 1000 {
						b.Fatal(batch.Len(), err)
					}
				}
			})
		})
	}
	f("one shape", 1)
	f("mixed shapes", 7)
}

// BenchmarkOutput gives batches to a process that takes them and does nothing.
func BenchmarkOutput(b *testing.B) {
	f := func(name string, shapes int) {
		b.Run(name, func(b *testing.B) {
			o := instance(b, true, sdk.RoleOutput, "null", nil, nil)
			run(b, o, 1000, func(c *sdk.Catalog) func() {
				batch := sdk.NewBatch(c)
				stream(batch, shapes)
				return func() {
					if err := o.(sdk.Output).Write(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
	f("one shape", 1)
	f("mixed shapes", 7)
}

// BenchmarkProcessor passes batches through a process that changes nothing.
func BenchmarkProcessor(b *testing.B) {
	p := instance(b, true, sdk.RoleProcessor, "pass", nil, table{"deadline": "10s"})
	run(b, p, 1000, func(c *sdk.Catalog) func() {
		batch := sdk.NewBatch(c)
		stream(batch, 1)
		batch.Tally().Reset()
		return func() {
			if err := p.(sdk.Processor).Process(b.Context(), batch); err != nil || batch.Len() != 1000 {
				b.Fatal(batch.Len(), err)
			}
		}
	})
}

// BenchmarkStart starts a process, opens a plugin in it, takes its first batch and ends it.
func BenchmarkStart(b *testing.B) {
	f := func(name string, keys table) {
		b.Run(name, func(b *testing.B) {
			i := instance(b, true, sdk.RoleInput, "ticks", nil, keys)
			env := sdktest.Env(b, sdk.NewCatalog(sdk.Limits{}))
			env.Log = slog.New(slog.DiscardHandler)
			var first time.Duration
			for b.Loop() {
				began := time.Now()
				if err := i.(sdk.Opener).Open(b.Context(), env); err != nil {
					b.Fatal(err)
				}
				if err := i.(sdk.Gatherer).Gather(b.Context(), sdk.NewBatch(env.Catalog)); err != nil {
					b.Fatal(err)
				}
				first += time.Since(began)
				if err := i.(interface{ Close() error }).Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(first.Microseconds())/1000/float64(b.N), "ms-to-first-batch")
		})
	}
	sum, err := host.SHA256(self(b))
	if err != nil {
		b.Fatal(err)
	}
	f("socket", nil)
	f("mTLS", table{"mtls": true})
	f("checksum", table{"sha256": sum})
}

// What the benchmarks run.
type readyConfig struct {
	Shapes int `toml:"shapes" default:"1" min:"1"`
}

type ready struct {
	readyConfig
	from *sdk.Batch
}

func (r *ready) Open(_ context.Context, env *sdk.Env) error {
	r.from = sdk.NewBatch(env.Catalog)
	stream(r.from, r.Shapes)
	return nil
}

func (r *ready) Read(_ context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for m := range r.from.Rows() {
		b.Copy(m)
	}
	return nil, nil
}

type null struct{}

func (null) Write(context.Context, *sdk.Batch) error { return nil }

type pass struct{}

func (pass) Process(context.Context, *sdk.Batch) error { return nil }

func benchPlugins() []sdk.Definition {
	return []sdk.Definition{
		sdk.DefineInput("ready", "Has them ready.", "", func(c *readyConfig) (any, error) { return &ready{readyConfig: *c}, nil }),
		sdk.DefineOutput("null", "Takes them.", "", func(*struct{}) (sdk.Output, error) { return null{}, nil }),
		sdk.DefineProcessor("pass", "Passes them.", "", func(*struct{}) (sdk.Processor, error) { return pass{}, nil }),
	}
}
