package prometheus

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// scrape asks the handler as a client with these headers does.
func scrape(h http.Handler, accept, coding string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", coding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// check reads an answer as its headers say, with the strict readers of both formats.
func check(w *httptest.ResponseRecorder) (map[string]float64, error) {
	body := io.Reader(w.Body)
	if w.Header().Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", w.Code, text)
	}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") {
		return parseMetrics(string(text))
	}
	return parse(string(text))
}

func TestPagesAreShared(t *testing.T) {
	r := newRig(t, Config{})
	f := func(accept, coding string, begun uint64) {
		t.Helper()
		if _, err := check(scrape(r, accept, coding)); err != nil {
			t.Error(err)
		}
		if got := r.cache.begun.Load(); got != begun {
			t.Errorf("%d pages made, want %d", got, begun)
		}
	}
	r.mustWrite("gpu a=1 1s")
	f("", "", 1)
	f("", "gzip", 1)
	f("", "gzip", 1)
	f(acceptMetrics, "", 2)
	f(acceptMetrics, "gzip", 2)
	f("", "", 2)
	r.mustWrite("gpu a=2 2s")
	f("", "gzip", 3)
	f("", "", 3)
	f(acceptMetrics, "gzip", 4)
	r.clock = r.clock.Add(999 * time.Millisecond)
	f("", "", 4)
	r.clock = r.clock.Add(time.Millisecond)
	f("", "", 5)
	f(acceptMetrics, "", 6)
	if n := len(r.cache.pages); n > sparePages {
		t.Errorf("%d pages kept", n)
	}
}

// Of many who come at once, all but the first wait for its page; who comes once it was begun, and the
// snapshot has changed since, shares the next.
func TestManyScrapesMakeOnePage(t *testing.T) {
	const scrapers = 200
	r := newRig(t, Config{})
	r.mustWrite("gpu a=1 1s")
	var once sync.Once
	r.Prometheus.totals = func() iter.Seq[sdk.Total] {
		once.Do(func() {
			for r.serving.Load() < scrapers {
				runtime.Gosched()
			}
			r.mustWrite("gpu a=2 2s")
		})
		return func(func(sdk.Total) bool) {}
	}
	var wg sync.WaitGroup
	for range scrapers {
		wg.Go(func() {
			if _, err := check(scrape(r, "", "gzip")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := r.cache.begun.Load(); n > 2 {
		t.Errorf("%d pages made for %d scrapes", n, scrapers)
	}
	if n := r.total("gpuline_prometheus_scrapes_total"); n != scrapers {
		t.Errorf("%v scrapes counted, want %d", n, scrapers)
	}
	if n := r.serving.Load(); n != 0 {
		t.Errorf("%d scrapes are still being served", n)
	}
}

// What a slow client reads stays as it is, and slow clients cannot hold more than so many pages.
func TestSlowClients(t *testing.T) {
	r := newRig(t, Config{})
	var held []*page
	var texts [][]byte
	for i := range 100 {
		r.mustWrite(fmt.Sprintf("gpu a=%d %ds", i, i+1))
		pg := r.cache.take(r.Prometheus, plainText, true)
		if pg == nil {
			break
		}
		held, texts = append(held, pg), append(texts, bytes.Clone(pg.text))
	}
	if len(held) != maxPages {
		t.Fatalf("%d pages are held, want %d", len(held), maxPages)
	}
	for _, accept := range []string{"", acceptMetrics} {
		w := scrape(r, accept, "")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("status %d, headers %v", w.Code, w.Header())
		}
	}
	if n := r.total("gpuline_prometheus_refused_total"); n != 2 {
		t.Errorf("%v refused, want 2", n)
	}
	for i, pg := range held {
		if want := fmt.Sprintf("gpu_a %d\n", i); !bytes.Equal(pg.text, texts[i]) || !bytes.HasSuffix(pg.text, []byte(want)) {
			t.Errorf("page %d has become %s", i, pg.text)
		}
	}
	for _, pg := range held {
		pg.release()
	}
	if _, err := check(scrape(r, "", "")); err != nil {
		t.Error(err)
	}
	if n := len(r.cache.pages); n > sparePages {
		t.Errorf("%d pages kept, want %d at most", n, sparePages)
	}
	r.page()
}

func TestTooManyScrapes(t *testing.T) {
	r := newRig(t, Config{})
	r.serving.Store(maxScrapes)
	if w := scrape(r, "", ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	r.serving.Add(-1)
	if w := scrape(r, "", ""); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	if n := r.serving.Load(); n != maxScrapes-1 {
		t.Errorf("%d scrapes are being served", n)
	}
}

// stalled is a client that reads nothing until its deadline.
type stalled struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stalled) SetWriteDeadline(at time.Time) error { s.deadline = at; return nil }
func (s *stalled) Write([]byte) (int, error)           { return 0, errors.New("timeout") }

func TestWriteDeadline(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite("gpu a=1 1s")
	w := &stalled{ResponseRecorder: httptest.NewRecorder()}
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if left := time.Until(w.deadline); left <= 0 || left > writeTimeout {
		t.Errorf("%v until the deadline", left)
	}
	if n := r.cache.newest[plainText].readers.Load(); n != 0 {
		t.Errorf("%d readers of a page that a client gave up", n)
	}
}

// Pages of both formats, packed and not, are whole and of one batch while batches come in.
func TestSharedPagesWhileWriting(t *testing.T) {
	p, b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for i := range 8 {
		accept, coding := [2]string{"", acceptMetrics}[i%2], [2]string{"", "gzip"}[i/2%2]
		readers.Go(func() {
			for newest := 0.0; ctx.Err() == nil; {
				values, err := check(scrape(p, accept, coding))
				if err != nil {
					t.Error(err)
					return
				}
				x, y := values["gpu_x"], values["gpu_y"]
				if x != y || x < newest {
					t.Errorf("x is %v and y is %v, after %v", x, y, newest)
					return
				}
				newest = x
			}
		})
	}
	for end, n := time.Now().Add(200*time.Millisecond), int64(1); time.Now().Before(end); n++ {
		b.Reset()
		m := b.Add(b.Series("gpu"), n)
		m.Int("x", n)
		m.Int("y", n)
		if err := p.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	readers.Wait()
}

// TestWriteWaitsForNoScrape holds that a scrape disturbs nobody, however long it takes: wherever it is stopped,
// batches go on to come in.
func TestWriteWaitsForNoScrape(t *testing.T) {
	f := func(at string, stops func(goOn <-chan struct{}, r *rig) http.ResponseWriter) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Config{})
			r.mustWrite("gpu a=1 1s")
			goOn := make(chan struct{})
			w := stops(goOn, r)
			go r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			synctest.Wait()
			if r.serving.Load() != 1 {
				t.Errorf("the scrape does not stop while %s", at)
			}
			if r.mu.TryLock() {
				r.mu.Unlock()
				r.mustWrite("gpu a=2 2s")
			} else {
				t.Errorf("Write waits for a scrape that has stopped while %s", at)
			}
			close(goOn)
			synctest.Wait()
			r.want("gpu_a 2")
		})
	}
	f("the page is made", func(goOn <-chan struct{}, r *rig) http.ResponseWriter {
		r.Prometheus.totals = func() iter.Seq[sdk.Total] {
			<-goOn
			return func(func(sdk.Total) bool) {}
		}
		return httptest.NewRecorder()
	})
	f("the client reads", func(goOn <-chan struct{}, _ *rig) http.ResponseWriter {
		return &slow{httptest.NewRecorder(), goOn}
	})
}

// slow is a client that reads nothing until it is let.
type slow struct {
	*httptest.ResponseRecorder
	goOn <-chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	<-s.goOn
	return s.ResponseRecorder.Write(p)
}

// discard is a client that reads all at once.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkScrapes500 serves 500 scrapes of 10,000 series at once, while 8 GPUs are written each 10 ms.
// The longest Write is how far they disturb it.
func BenchmarkScrapes500(bm *testing.B) {
	p, b := newBench(bm)
	gather(b, 10_000/30+1, 1)
	if err := p.Write(context.Background(), b); err != nil {
		bm.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	var longest time.Duration
	writer.Go(func() {
		ticks := time.NewTicker(10 * time.Millisecond)
		defer ticks.Stop()
		for n := int64(2); ctx.Err() == nil; n++ {
			gather(b, 8, n)
			start := time.Now()
			if err := p.Write(ctx, b); err != nil {
				bm.Error(err)
			}
			longest = max(longest, time.Since(start))
			<-ticks.C
		}
	})
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", acceptMetrics)
	req.Header.Set("Accept-Encoding", "gzip")
	bm.ReportAllocs()
	for bm.Loop() {
		var scrapers sync.WaitGroup
		for range 500 {
			scrapers.Go(func() { p.ServeHTTP(&discard{make(http.Header)}, req) })
		}
		scrapers.Wait()
	}
	cancel()
	writer.Wait()
	bm.ReportMetric(float64(longest.Microseconds()), "µs/longest-write")
	bm.ReportMetric(float64(p.cache.begun.Load())/float64(bm.N), "pages/op")
}
