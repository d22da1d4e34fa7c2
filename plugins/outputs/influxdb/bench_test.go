package influxdb

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

const benchRows = 1000

// rows returns a batch of lines of about 369 bytes, of 8 GPUs in turn, with readings that vary.
func rows(b *testing.B, c *sdk.Catalog) *sdk.Batch {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for i := range benchRows {
		gpu, step := i%8, i/8
		text = fmt.Appendf(text, `gpu,gpu_index=%d,gpu_name=H100\ 80,gpu_uuid=GPU-5f%02d,host=n1,pci_bus_id=%02X:00,source=nvml `, gpu, gpu, 0x18+gpu)
		text = fmt.Appendf(text, "utilization_ratio=%.2f,memory_activity_ratio=%.2f,memory_used_bytes=%di,memory_total_bytes=85520809984i,power_watts=%.3f,temperature_celsius=%d,"+
			"clock_sm_hertz=%di,energy_joules=%.3f,fan_ratio=%g,up=1i,pstate=0i,a=%di,b=%di %d\n",
			rng.Float64(), rng.Float64(), 60_000_000_000+rng.Int64N(1e9), 300+100*rng.Float64(), 60+rng.IntN(9), 1_500_000_000+rng.IntN(30)*15_000_000,
			81234567+float64(step)*0.317, float64(step%10)/10, 123456+step, 654321+step, 1_700_000_000_000_000_000+int64(step)*10_000_000+int64(gpu))
	}
	batch := sdk.NewBatch(c)
	d := lineprotocol.NewDecoder(c, lineprotocol.DecoderOptions{Coerce: vocabulary.Coerce})
	if err := d.Decode(batch, text, 0); err != nil {
		b.Fatal(err)
	}
	return batch
}

// BenchmarkEncode is a batch of 1,000 lines up to the body that is sent. packed-B is the size of that body per line.
func BenchmarkEncode(b *testing.B) {
	f := func(encoding, database string) {
		b.Run(encoding+" "+database, func(b *testing.B) {
			o, err := New(config(func(c *Config) { c.ContentEncoding, c.Database = encoding, database }))
			if err != nil {
				b.Fatal(err)
			}
			batch := rows(b, sdk.NewCatalog(sdk.Limits{}))
			var size, packed int
			encode := func() {
				j := o.take(batch)
				size, packed = 0, 0
				for _, p := range j.parts {
					body := j.body(p)
					size += len(body)
					if encoding == "gzip" {
						if body, err = o.packer.pack(body); err != nil {
							b.Fatal(err)
						}
					}
					packed += len(body)
				}
			}
			encode()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				encode()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/line")
			b.ReportMetric(float64(packed)/benchRows, "packed-B/line")
		})
	}
	f("identity", "gpu")
	f("gzip", "gpu")
	f("gzip", "gpu-{gpu_index}")
}

// BenchmarkWrite is the same batch with the request and its answer, over TCP.
func BenchmarkWrite(b *testing.B) {
	f := func(encoding string) {
		b.Run(encoding, func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusNoContent)
			}))
			defer server.Close()
			o, err := New(config(func(c *Config) { c.URL, c.ContentEncoding = server.URL, encoding }))
			if err != nil {
				b.Fatal(err)
			}
			catalog := sdk.NewCatalog(sdk.Limits{})
			if err := o.Open(b.Context(), sdktest.Env(b, catalog)); err != nil {
				b.Fatal(err)
			}
			defer o.Close()
			batch := rows(b, catalog)
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/line")
		})
	}
	f("identity")
	f("gzip")
}
