package influxdb

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gpuline/gpuline/plugins/outputs/internal/linetest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// BenchmarkEncode is a batch of 1,000 lines up to the body that is sent. packed-B is the size of that body per line.
func BenchmarkEncode(b *testing.B) {
	f := func(encoding, database string) {
		b.Run(encoding+" "+database, func(b *testing.B) {
			o, err := New(config(func(c *Config) { c.ContentEncoding, c.Database = encoding, database }))
			if err != nil {
				b.Fatal(err)
			}
			batch := linetest.Batch(b, sdk.NewCatalog(sdk.Limits{}))
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
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/linetest.Rows, "ns/line")
			b.ReportMetric(float64(packed)/linetest.Rows, "packed-B/line")
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
			batch := linetest.Batch(b, catalog)
			b.ReportAllocs()
			for b.Loop() {
				if err := o.Write(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/linetest.Rows, "ns/line")
		})
	}
	f("identity")
	f("gzip")
}
