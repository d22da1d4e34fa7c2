package prometheus

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// defaults returns a configuration with its defaults and changes, for one URL.
func defaults(url string, changes ...func(*Config)) *Config {
	c := Definition().NewConfig().(*Config)
	c.URLs, c.InstanceTag = []string{url}, ""
	for _, change := range changes {
		change(c)
	}
	return c
}

// scraper is an input with a batch.
type scraper struct {
	*Prometheus
	batch *sdk.Batch
}

// open opens an input for which it is always 5 ns past the epoch.
func open(t testing.TB, c *Config) *scraper {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	env := sdktest.Env(t, catalog)
	env.Now = func() time.Time { return time.Unix(0, 5) }
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return &scraper{p, sdk.NewBatch(catalog)}
}

// gather returns what one scrape brings.
func (s *scraper) gather(t testing.TB) ([]string, error) {
	t.Helper()
	s.batch.Reset()
	err := s.Gather(t.Context(), s.batch)
	return sdktest.DumpFull(s.batch), err
}

// page reads text as the page of a scraper at the time 5.
func (s *scraper) read(text string, openMetrics bool) []string {
	s.batch.Reset()
	s.targets[0].page.read(s.batch, []byte(text), openMetrics, 5)
	return sdktest.Dump(s.batch)
}

// serve serves handler for the length of the test, and returns its URL.
func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// constant serves one page, as text.
func constant(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, page)
	}
}

func file(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func lines(text string) []string {
	all := []string{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func TestContract(t *testing.T) {
	url := serve(t, constant(file(t, "triton-1.txt")+"other{a=\"b\"} NaN\n"))
	sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer {
		p, err := New(defaults(url, func(c *Config) { c.InstanceTag = "instance" }))
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}
