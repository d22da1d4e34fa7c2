//go:build cgo

package dcgm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// TestAgreesWithNVML reads one card by every way there is: through go-nvml and the fake driver, through go-dcgm
// and the fake hostengine, and from pages as dcgm-exporter writes them, with the old names of the fields and with
// the new ones. Each reading is compared with what the card is, and with what inputs.nvml says.
func TestAgreesWithNVML(t *testing.T) {
	truth := readNVML(t)
	for gpu, readings := range [][]agreed{card, idleCard} {
		for _, r := range readings {
			if r.nvml != "" || r.field == "memory_free_bytes" || r.field == "memory_used_ratio" {
				truth[gpu].compare(t, "inputs.nvml", r, r.want)
			}
		}
	}
	if diff := cmp.Diff(cardTexts, truth[0].texts); diff != "" {
		t.Errorf("inputs.nvml (-the card +read):\n%s", diff)
	}
	agrees := func(t *testing.T, gpu int, got *seen, r agreed) {
		t.Helper()
		got.compare(t, "inputs.dcgm", r, r.want)
		if theirs, ok := truth[gpu].values[r.field]; ok {
			got.compare(t, "inputs.dcgm, beside inputs.nvml", r, theirs)
		}
	}
	alike := func(t *testing.T, gpu int, got *seen) {
		t.Helper()
		tags := maps.Clone(truth[gpu].tags)
		tags[vocabulary.TagSource] = vocabulary.SourceDCGM
		if diff := cmp.Diff(tags, got.tags); diff != "" {
			t.Errorf("tags (-nvml +dcgm):\n%s", diff)
		}
	}
	t.Run("hostengine", func(t *testing.T) {
		for place := range mostFields(card) { // the fields that win, then those that stand in for them
			got := readHostengine(t, place)
			for gpu, readings := range [][]agreed{card, idleCard} {
				alike(t, gpu, got[gpu])
				for _, r := range readings {
					if place < len(r.dcgm) {
						agrees(t, gpu, got[gpu], r)
					}
				}
			}
			if diff := cmp.Diff(cardTexts, got[0].texts); diff != "" {
				t.Errorf("(-the card +read):\n%s", diff)
			}
		}
	})
	t.Run("exporter", func(t *testing.T) {
		for gpu, readings := range [][]agreed{card, idleCard} {
			for _, r := range readings {
				for _, s := range r.dcgm {
					for _, name := range namesOf(t, s.id) {
						got := scrapeOne(t, gpu, name, s.text)
						alike(t, gpu, got)
						agrees(t, gpu, got, r)
					}
				}
			}
		}
	})
}

// TestTheCardHasAll: whatever both NVML and DCGM give is compared, by each of the fields of DCGM that give it.
func TestTheCardHasAll(t *testing.T) {
	have := make(map[string][]int)
	for _, r := range append(slices.Clone(card), idleCard...) {
		for _, s := range r.dcgm {
			have[r.field] = append(have[r.field], s.id)
		}
	}
	for _, r := range vocabulary.All() {
		if r.DCGM.ID == 0 || r.Type == sdk.String || r.Metric != vocabulary.GPU && r.Metric != vocabulary.Info {
			continue
		}
		for _, d := range append(slices.Clone(r.DCGMBetter), r.DCGM) {
			if _, other := elsewhere[r.Name]; !slices.Contains(have[r.Name], d.ID) && !other {
				t.Errorf("%s, field %d of DCGM, is not on the card", r.Name, d.ID)
			}
		}
	}
}

// seen is what was read of a GPU: the last value of each field.
type seen struct {
	tags   map[string]string
	values map[string]float64
	texts  map[string]string // those that the card has
}

func newSeen() *seen {
	return &seen{values: make(map[string]float64), texts: make(map[string]string)}
}

func (s *seen) take(m *sdk.Metric) {
	if m.Name() != vocabulary.GPU && m.Name() != vocabulary.Info {
		return
	}
	if m.Name() == vocabulary.GPU && s.tags == nil {
		s.tags = make(map[string]string)
		for _, tag := range m.Series().Tags() {
			s.tags[tag.Key] = tag.Value
		}
	}
	for slot := range m.Len() {
		name, v := m.Field(slot).Name, m.Value(slot)
		if n, ok := v.Number(); ok {
			s.values[name] = n
		} else if _, asked := cardTexts[name]; asked {
			s.texts[name] = v.String()
		}
	}
}

func (s *seen) compare(t *testing.T, who string, r agreed, want float64) {
	t.Helper()
	switch got, ok := s.values[r.field]; {
	case !ok:
		t.Errorf("%s has no %s", who, r.field)
	case math.Abs(got-want) > r.within*1.000001:
		t.Errorf("%s: %s is %v, want %v ± %v", who, r.field, got, want, r.within)
	}
}

// collect reads until both GPUs have the fields.
func collect(t *testing.T, r sdk.Reader, interval time.Duration, fields func(gpu int) []string) [2]*seen {
	t.Helper()
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Interval = interval
	if err := r.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.(interface{ Close() error }).Close() }()
	got := [2]*seen{newSeen(), newSeen()}
	missing := func() (left []string) {
		for gpu, s := range got {
			for _, f := range fields(gpu) {
				if _, ok := s.values[f]; !ok {
					left = append(left, fmt.Sprintf("%d %s", gpu, f))
				}
			}
		}
		return left
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b := sdk.NewBatch(env.Catalog)
	for len(missing()) > 0 && ctx.Err() == nil {
		b.Reset()
		if _, err := r.Read(ctx, b); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		for m := range b.All() {
			if gpu, err := strconv.Atoi(m.Tag(vocabulary.TagIndex)); err == nil && gpu < len(got) {
				got[gpu].take(m)
			}
		}
	}
	if left := missing(); len(left) > 0 {
		t.Errorf("not read: %s", strings.Join(left, ", "))
	}
	return got
}

// fieldsOf returns the fields of a card that a test of it waits for.
func fieldsOf(readings []agreed, has func(agreed) bool) (all []string) {
	for _, r := range readings {
		if has(r) {
			all = append(all, r.field)
		}
	}
	return all
}

// readNVML reads both cards through inputs.nvml.
func readNVML(t *testing.T) [2]*seen {
	t.Helper()
	library, err := fakedriver.Build(t.TempDir())
	if errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip("there is no gcc to compile the fake driver with")
	}
	if err != nil {
		t.Fatal(err)
	}
	scenario := fakedriver.New(nil, 2)
	scenario.Driver, scenario.Loaded = cardTexts["driver_version"], -time.Minute
	for gpu := range 2 {
		scenario.Add("set %d uuid GPU-0100-%d", gpu, gpu)
		scenario.Add("set %d pci_bus %d", gpu, 0x1a+gpu)
		scenario.Add("set %d name %s", gpu, cardTags["gpu_name"])
		scenario.Add("set %d vbios %s", gpu, cardTexts["vbios_version"])
		scenario.Add("set %d inforom %s", gpu, cardTexts["inforom_version"])
		scenario.Add("set %d serial %s", gpu, cardTexts["serial"])
	}
	for _, r := range append(slices.Clone(card), idleCard...) {
		if r.nvml != "" {
			scenario.Add("%s", r.nvml)
		}
	}
	if err := scenario.StartNow(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scenario")
	if err := scenario.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, path)
	var c nvml.Config
	sdk.Defaults(&c)
	c.Library, c.Isolate, c.SlowInterval = library, false, time.Second
	input, err := nvml.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	given := func(r agreed) bool { return r.nvml != "" }
	got := collect(t, input.(sdk.Reader), 50*ms, func(gpu int) []string { return fieldsOf([][]agreed{card, idleCard}[gpu], given) })
	tags := maps.Clone(cardTags)
	tags[vocabulary.TagSource] = vocabulary.SourceNVML
	if diff := cmp.Diff(tags, got[0].tags); diff != "" {
		t.Errorf("inputs.nvml (-the card +read):\n%s", diff)
	}
	return got
}

// mostFields returns by how many fields of DCGM a reading can be had.
func mostFields(readings []agreed) (n int) {
	for _, r := range readings {
		n = max(n, len(r.dcgm))
	}
	return n
}

// readHostengine reads both cards through inputs.dcgm. A reading that several fields give comes from the one at
// that place in the list.
func readHostengine(t *testing.T, place int) [2]*seen {
	t.Helper()
	lines := []string{"gpus 2"}
	for gpu := range 2 {
		for id, text := range map[int]string{
			50: cardTags["gpu_name"], 52: strconv.Itoa(gpu), 54: fmt.Sprintf("GPU-0100-%d", gpu), 57: fmt.Sprintf("00000000:%02X:00.0", 0x1a+gpu),
			1: cardTexts["driver_version"], 85: cardTexts["vbios_version"], 82: cardTexts["inforom_version"], 53: cardTexts["serial"],
		} {
			lines = append(lines, fmt.Sprintf("value %d %d %s", gpu, id, text))
		}
	}
	c := engineConfig(t)
	c.ProfilingInterval, c.SlowInterval = 100*ms, time.Second
	has := func(r agreed) bool { return place < len(r.dcgm) }
	for gpu, readings := range [][]agreed{card, idleCard} {
		for _, r := range readings {
			for i, s := range r.dcgm {
				lines = append(lines, fmt.Sprintf("value %d %d %s", gpu, s.id, s.text))
				if i == place {
					c.Fields = append(c.Fields, strconv.Itoa(s.id))
				}
			}
		}
	}
	newScenario(t, lines...)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return collect(t, newEngine(c), 100*ms, func(gpu int) []string { return fieldsOf([][]agreed{card, idleCard}[gpu], has) })
}

// namesOf returns what dcgm-exporter calls a field: before DCGM 4.6 and since.
func namesOf(t *testing.T, id int) []string {
	t.Helper()
	r, ok := vocabulary.ByDCGM(id)
	if !ok {
		t.Fatalf("field %d of DCGM is not known", id)
	}
	if r.DCGM.NewName == "" {
		return []string{r.DCGM.Name}
	}
	return []string{r.DCGM.Name, r.DCGM.NewName}
}

// scrapeOne reads a page of dcgm-exporter that has one field of one card.
func scrapeOne(t *testing.T, gpu int, name, value string) *seen {
	t.Helper()
	s := newScene(t, nil)
	got := newSeen()
	s.must(fmt.Sprintf("%s{gpu=\"%d\",UUID=\"GPU-0100-%[2]d\",pci_bus_id=\"00000000:%02[3]X:00.0\",device=\"nvidia%[2]d\",modelName=%[4]q,Hostname=\"x\"} %[5]s\n",
		name, gpu, 0x1a+gpu, cardTags["gpu_name"], value))
	for m := range s.batch.All() {
		got.take(m)
	}
	return got
}
