package dcgm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) {
	if scenario := childtest.Scenario(); scenario != "" {
		os.Exit(playDcgmi(scenario, os.Args[1:]))
	}
	if len(os.Args) > 1 && os.Args[1] == isolate.Command {
		if err := launch.Serve(sdk.Registry{Definition()}); err != nil {
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range scratch {
			_ = os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}

// scratch are folders to remove once all tests have ended.
var scratch []string

// testConfig returns the defaults, in a mode.
func testConfig(mode string) *Config {
	c := new(Config)
	sdk.Defaults(c)
	c.Mode = mode
	return c
}

// capture returns what a real dcgm-exporter, or its package, wrote.
func capture(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("GPULINE_CAPTURES")
	if dir == "" {
		t.Skip("GPULINE_CAPTURES is not set: what real exporters printed is not at hand")
	}
	text, err := os.ReadFile(filepath.Join(dir, "dcgm", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// scene is an exporter whose page the test sets, and the input that reads it.
type scene struct {
	t      testing.TB
	page   atomic.Pointer[string]
	status int
	input  *exporter
	env    *sdk.Env
	batch  *sdk.Batch
	now    time.Time
}

func newScene(t testing.TB, change func(*Config)) *scene {
	t.Helper()
	s := &scene{t: t, status: http.StatusOK, now: time.Unix(1_700_000_000, 0)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(*s.page.Load()))
	}))
	t.Cleanup(server.Close)
	c := testConfig(modeExporter)
	c.URL = server.URL + "/metrics"
	if change != nil {
		change(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	s.input = newExporter(c)
	catalog := sdk.NewCatalog(sdk.Limits{})
	s.env = sdktest.Env(t, catalog)
	s.env.Now = func() time.Time { return s.now }
	s.env.Meter = sdk.NewMeter()
	s.batch = sdk.NewBatch(catalog)
	if err := s.input.Open(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.input.Close() })
	return s
}

// scrape reads a page a second after the one before, and returns the rows.
func (s *scene) scrape(page string) ([]string, error) {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	s.page.Store(&page)
	s.batch.Reset()
	err := s.input.Gather(s.t.Context(), s.batch)
	checkTally(s.t, s.batch)
	return sdktest.Dump(s.batch), err
}

// must is scrape for a page that is to be read.
func (s *scene) must(page string) []string {
	s.t.Helper()
	rows, err := s.scrape(page)
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// checkTally holds that each row was counted once, and has no field that the configuration would not have foreseen.
func checkTally(t testing.TB, b *sdk.Batch) {
	t.Helper()
	sdktest.Foreseen(t, &Config{Counters: "counters.csv"}, b)
	tally := b.Tally()
	if int(tally.Added) != b.Len() || len(tally.Drops) > 0 {
		t.Errorf("%d rows, and the tally says %+v", b.Len(), tally)
	}
}

// line writes a line of a page for a GPU.
func line(name string, gpu int, value string, more ...string) string {
	labels := fmt.Sprintf(`gpu="%d",UUID="GPU-%d",pci_bus_id="00000000:%02X:00.0",device="nvidia%d",modelName="NVIDIA H100",Hostname="node-7",DCGM_FI_DRIVER_VERSION="550.1"`, gpu, gpu, 0x1a+gpu, gpu)
	for _, m := range more {
		labels += "," + m
	}
	return name + "{" + labels + "} " + value + "\n"
}

// of returns the rows that have all the words.
func of(rows []string, words ...string) []string {
	var found []string
	for _, row := range rows {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(row, w) }) {
			found = append(found, row)
		}
	}
	return found
}

// one returns the only row that has all the words.
func one(t testing.TB, rows []string, words ...string) string {
	t.Helper()
	found := of(rows, words...)
	if len(found) != 1 {
		t.Fatalf("%d rows with %q in\n%s", len(found), words, strings.Join(rows, "\n"))
	}
	return found[0]
}

// holds fails unless text has all the words.
func holds(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in %s", w, text)
		}
	}
}

// lacks fails if text has any of the words.
func lacks(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("%q in %s", w, text)
		}
	}
}

// figure returns one of the input's own figures.
func figure(env *sdk.Env, name string) float64 {
	var sum float64
	for f := range env.Meter.Totals() {
		if f.Name == name {
			sum += f.Value
		}
	}
	return sum
}
