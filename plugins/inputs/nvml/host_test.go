//go:build cgo

package nvml

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// driver builds the fake driver once for the test binary: a process can load one only.
var driver = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "nvml")
	if err != nil {
		return "", err
	}
	return fakedriver.Build(dir)
})

func buildDriver(t testing.TB) string {
	t.Helper()
	if other := os.Getenv(otherLibrary); other != "" {
		return other
	}
	lib, err := driver()
	if errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip("there is no gcc: nothing is read through the fake driver")
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// host is a machine whose time the test drives, with the input open on its fake driver.
type host struct {
	t     testing.TB
	clock *fakedriver.Clock
	start time.Duration // boot time at the scenario's start
	epoch time.Time     // the same by the host's clock, and by the agent's
	m     *monitor
	env   *sdk.Env
	log   bytes.Buffer
	batch *sdk.Batch
	errs  []error

	stages []sdk.Processor // that the rows pass
}

// row is what a test looks at of a metric.
type row struct {
	name   string
	at     time.Duration // since the scenario's start, by the agent's clock
	class  sdk.Class
	tags   map[string]string
	fields map[string]float64
	texts  map[string]string
}

// newHost makes a host with so many GPUs. scene says what happens on it; before it, nothing does.
func newHost(t testing.TB, gpus int, c Config, interval time.Duration, scene func(*fakedriver.Scenario)) *host {
	t.Helper()
	c.Library = buildDriver(t)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, start: 72 * time.Hour, epoch: time.Unix(1_795_473_445, 0)}
	clock, err := fakedriver.NewClock(filepath.Join(t.TempDir(), "clock"), h.epoch, h.start)
	if err != nil {
		t.Fatal(err)
	}
	h.clock = clock
	s := fakedriver.New(clock, gpus)
	s.Loaded = -time.Hour
	if scene != nil {
		scene(s)
	}
	h.play(s)
	h.m = newMonitor(&c)
	h.m.clock = h.now
	h.m.patience = 10 * time.Second // the fake clock runs faster than the machine's
	h.m.pause = 0                   // each tick tells all
	catalog := sdk.NewCatalog(sdk.Limits{})
	h.batch = sdk.NewBatch(catalog)
	h.env = &sdk.Env{
		Log: slog.New(slog.NewTextHandler(&h.log, nil)), Host: "h", Interval: interval, Catalog: catalog, Meter: sdk.NewMeter(),
		Now: func() time.Time { return time.Unix(0, h.now().wall) },
	}
	return h
}

// play writes the scenario for the next nvmlInit to read.
func (h *host) play(s *fakedriver.Scenario) {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "scenario")
	if err := s.WriteFile(path); err != nil {
		h.t.Fatal(err)
	}
	h.t.Setenv(fakedriver.Env, path)
}

// now is the instant of the fake clock. The agent's clock never steps: it is the boot time's.
func (h *host) now() instant {
	boot := h.clock.Boot()
	return instant{wall: h.epoch.Add(boot - h.start).UnixNano(), epoch: h.clock.Now().UnixNano(), boot: int64(boot), mono: int64(boot)}
}

func (h *host) open() {
	h.t.Helper()
	if err := h.m.Open(h.t.Context(), h.env); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := h.m.Close(); err != nil {
			h.t.Error(err)
		}
		_ = h.clock.Close()
	})
}

// tick lets time pass, in which counters are read that cannot wait, and has the input read once. It returns the rows.
func (h *host) tick(d time.Duration) []row {
	h.t.Helper()
	for soonest := h.m.soonest(h.now().wall); soonest < d; soonest = h.m.soonest(h.now().wall) {
		h.clock.Advance(max(soonest, 0))
		h.m.count(h.now().wall)
		d -= max(soonest, 0)
	}
	h.clock.Advance(d)
	if err := h.m.tick(h.batch); err != nil {
		h.errs = append(h.errs, err)
	}
	sdktest.Foreseen(h.t, &Config{}, h.batch)
	h.batch.SortByTime()
	for _, p := range h.stages {
		if err := p.Process(h.t.Context(), h.batch); err != nil {
			h.t.Fatal(err)
		}
	}
	rows := h.rows()
	h.batch.Reset()
	return rows
}

// ticks is tick, so many times.
func (h *host) ticks(n int, d time.Duration) (all []row) {
	h.t.Helper()
	for range n {
		all = append(all, h.tick(d)...)
	}
	return all
}

func (h *host) rows() (all []row) {
	for m := range h.batch.All() {
		r := row{
			name: m.Name(), class: m.Class(), at: time.Duration(m.Time() - h.epoch.UnixNano()),
			tags: map[string]string{}, fields: map[string]float64{}, texts: map[string]string{},
		}
		for _, tag := range m.Series().Tags() {
			r.tags[tag.Key] = tag.Value
		}
		for slot := range m.Len() {
			name := m.Field(slot).Name
			if v, ok := m.Number(name); ok {
				r.fields[name] = v
			} else {
				r.texts[name] = m.Value(slot).Text()
			}
		}
		all = append(all, r)
	}
	return all
}

// of returns the rows of a measurement and, with an index or UUID, of one GPU.
func of(rows []row, name, gpu string) (some []row) {
	for _, r := range rows {
		if r.name == name && (gpu == "" || r.tags["gpu_index"] == gpu || r.tags["gpu_uuid"] == gpu) {
			some = append(some, r)
		}
	}
	return some
}

// with returns the rows that have a field.
func with(rows []row, field string) (some []row) {
	for _, r := range rows {
		if _, ok := r.fields[field]; ok {
			some = append(some, r)
		}
	}
	return some
}

// total returns one of the input's own figures.
func (h *host) total(name string, tags ...string) float64 {
	h.t.Helper()
	for total := range h.env.Meter.Totals() {
		match := total.Name == name
		for i := 0; i+1 < len(tags); i += 2 {
			match = match && tagOf(total.Tags, tags[i]) == tags[i+1]
		}
		if match {
			return total.Value
		}
	}
	return -1
}

func tagOf(tags []sdk.Tag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}
