package prometheus

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestServe(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite("gpu a=1 1s")
	want := "# HELP gpu_a The field a of gpu.\n# TYPE gpu_a gauge\ngpu_a 1\n"
	f := func(method, accept, coding, body string, status int) {
		t.Helper()
		w := httptest.NewRecorder()
		req := httptest.NewRequest(method, "/metrics", nil)
		if accept != "" {
			req.Header.Set("Accept-Encoding", accept)
		}
		r.mux.ServeHTTP(w, req)
		if w.Code != status || w.Header().Get("Content-Encoding") != coding {
			t.Errorf("%s %q: status %d, coding %q", method, accept, w.Code, w.Header().Get("Content-Encoding"))
		}
		if status != http.StatusOK {
			return
		}
		if got := w.Header().Get("Vary"); got != "Accept, Accept-Encoding" {
			t.Errorf("vary %q", got)
		}
		if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		read := io.Reader(w.Body)
		if method == http.MethodGet && w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
			t.Errorf("content length %s of %d", w.Header().Get("Content-Length"), w.Body.Len())
		}
		if coding == "gzip" {
			var err error
			if read, err = gzip.NewReader(w.Body); err != nil {
				t.Fatal(err)
			}
		}
		got, err := io.ReadAll(read)
		if err != nil || string(got) != body {
			t.Errorf("%s %q: body %q, %v", method, accept, got, err)
		}
	}
	f("GET", "", "", want, 200)
	f("HEAD", "", "", "", 200)
	f("GET", "gzip", "gzip", want, 200)
	f("GET", "deflate, GZIP;q=0.5", "gzip", want, 200)
	f("GET", "gzip;q=0, identity", "", want, 200)
	f("GET", "gzip; q=0.0", "", want, 200)
	f("GET", "br", "", want, 200)
	f("POST", "", "", "", 405)
	if got := r.total("gpuline_prometheus_scrapes_total"); got != 7 {
		t.Errorf("%v scrapes, want 7", got)
	}
}

// A page is consistent however many are read while values change and series come and go.
func TestScrapesWhileWriting(t *testing.T) {
	p, err := New(&Config{Path: "/metrics", Expire: 20 * time.Millisecond, PeakHold: time.Millisecond, MaxSeries: 1000})
	if err != nil {
		t.Fatal(err)
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	env := sdktest.Env(t, catalog)
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			pg := new(page)
			for ctx.Err() == nil {
				p.fill(pg, plainText)
				values, err := parse(string(pg.text))
				if err != nil {
					t.Errorf("%v in\n%s", err, pg.text)
					return
				}
				for series, v := range values {
					if series == `gpu_a{i="0"}` && v != values[`gpu_b{i="0"}`] {
						t.Errorf("a page with parts of two rows:\n%s", pg.text)
						return
					}
				}
			}
		})
	}
	b := sdk.NewBatch(catalog)
	for end, n := time.Now().Add(200*time.Millisecond), int64(1); time.Now().Before(end); n++ {
		b.Reset()
		for _, i := range []string{"0", fmt.Sprint(n % 97)} {
			m := b.Add(catalog.Series("gpu", sdk.Tag{Key: "i", Value: i}), n)
			m.Int("a", n)
			m.Int("b", n)
			m.Int("x_max", n%10)
		}
		if err := p.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	readers.Wait()
}

// gather fills b as an input of so many GPUs with 30 fields does.
func gather(b *sdk.Batch, gpus int, n int64) {
	b.Reset()
	for g := range gpus {
		m := b.Add(b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(g)}, sdk.Tag{Key: "gpu_uuid", Value: fmt.Sprintf("GPU-%08d-4b5c-9f7e-0123456789ab", g)},
			sdk.Tag{Key: "gpu_name", Value: "NVIDIA H100 80GB HBM3"}, sdk.Tag{Key: "host", Value: "dgx-1"}, sdk.Tag{Key: "source", Value: "nvml"}), n)
		for f := range 29 {
			m.Float(fieldNames[f], float64(n)*0.37+float64(f*g))
		}
		m.Int("up", 1)
	}
}

var fieldNames = func() (names [29]string) {
	for i := range names {
		names[i] = fmt.Sprintf("field_%d_ratio", i)
	}
	return names
}()

func newBench(tb testing.TB) (*Prometheus, *sdk.Batch) {
	p, err := New(&Config{Path: "/metrics", Expire: time.Hour, PeakHold: time.Minute, MaxSeries: 100_000})
	if err != nil {
		tb.Fatal(err)
	}
	return p, sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
}

func TestWriteAllocatesNothing(t *testing.T) {
	p, b := newBench(t)
	gather(b, 8, 1)
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per batch, want none", n)
	}
}

func BenchmarkWrite8x30(bm *testing.B) {
	p, b := newBench(bm)
	gather(b, 8, 1)
	bm.ReportAllocs()
	for bm.Loop() {
		if err := p.Write(context.Background(), b); err != nil {
			bm.Fatal(err)
		}
	}
}

func benchmarkScrape(bm *testing.B, packed bool) {
	p, b := newBench(bm)
	gather(b, 10_000/30+1, 12345)
	if err := p.Write(context.Background(), b); err != nil {
		bm.Fatal(err)
	}
	if p.store.len < 10_000 {
		bm.Fatalf("%d series", p.store.len)
	}
	pg := new(page)
	bm.ReportAllocs()
	for bm.Loop() {
		p.fill(pg, plainText)
		if packed {
			p.cache.pack(pg)
		}
	}
	bm.ReportMetric(float64(len(pg.text)), "bytes/page")
}

func BenchmarkScrape10k(bm *testing.B)     { benchmarkScrape(bm, false) }
func BenchmarkScrape10kGzip(bm *testing.B) { benchmarkScrape(bm, true) }

// BenchmarkCopy10k is the time for which a scrape may hold Write up.
func BenchmarkCopy10k(bm *testing.B) {
	p, b := newBench(bm)
	gather(b, 10_000/30+1, 12345)
	if err := p.Write(context.Background(), b); err != nil {
		bm.Fatal(err)
	}
	pg := new(page)
	bm.ReportAllocs()
	for bm.Loop() {
		pg.copyFrom(p.store, plainText, p.elapsed())
	}
}
