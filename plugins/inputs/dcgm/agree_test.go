//go:build cgo

package dcgm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// TestAgreesWithNVML reads a card of the fake driver through inputs.nvml, and the page that dcgm-exporter would
// write of the same card: the series are the same but for their source, and so are the readings, to within what
// DCGM rounds.
func TestAgreesWithNVML(t *testing.T) {
	library, err := fakedriver.Build(t.TempDir())
	if errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip("there is no gcc to compile the fake driver with")
	}
	if err != nil {
		t.Fatal(err)
	}
	scenario := fakedriver.New(nil, 2)
	if err := scenario.StartNow(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scenario")
	if err := scenario.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, path)

	catalog := sdk.NewCatalog(sdk.Limits{})
	theirs, values := readNVML(t, library, catalog)

	s := newScene(t, nil)
	page := ""
	for name, v := range values {
		as, ok := vocabulary.AsDCGM(vocabulary.GPU, name)
		if !ok || name == "nvlink_bytes_per_second" {
			continue
		}
		r, ok := byName(as.Measurement)
		if !ok {
			continue
		}
		text := fmt.Sprintf("%.0f", r.DCGM.Theirs(v))
		if r.double {
			text = fmt.Sprintf("%f", r.DCGM.Theirs(v))
		}
		page += fmt.Sprintf("%s{gpu=%q,UUID=%q,pci_bus_id=%q,device=\"nvidia1\",modelName=%q,hostname=\"x\"} %s\n", as.Measurement,
			theirs[vocabulary.TagIndex], theirs[vocabulary.TagUUID], theirs[vocabulary.TagPCI], theirs[vocabulary.TagName], text)
	}
	s.must(page)
	compared := 0
	for m := range s.batch.All() {
		if m.Name() != vocabulary.GPU {
			continue
		}
		ours := tagsOf(m)
		ours[vocabulary.TagSource] = vocabulary.SourceNVML
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("tags (-nvml +dcgm):\n%s", diff)
		}
		for slot := range m.Len() {
			f := m.Field(slot)
			want, ok := values[f.Name]
			if !ok {
				continue
			}
			reading, _ := vocabulary.Find(vocabulary.GPU, f.Name)
			unit := math.Abs(reading.DCGM.Ours(1))
			if got, _ := m.Number(f.Name); math.Abs(got-want) > unit/2*1.0001 && math.Abs(got-want) > 1e-6 {
				t.Errorf("%s: %v, and inputs.nvml says %v", f.Name, got, want)
			}
			compared++
		}
	}
	if compared < 15 {
		t.Errorf("%d readings compared", compared)
	}
}

func tagsOf(m *sdk.Metric) map[string]string {
	tags := make(map[string]string)
	for _, tag := range m.Series().Tags() {
		tags[tag.Key] = tag.Value
	}
	return tags
}

// readNVML returns the tags and the readings of the second GPU.
func readNVML(t *testing.T, library string, catalog *sdk.Catalog) (tags map[string]string, values map[string]float64) {
	t.Helper()
	var c nvml.Config
	sdk.Defaults(&c)
	c.Library, c.Isolate = library, false
	input, err := nvml.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	env := sdktest.Env(t, catalog)
	env.Interval = 50 * ms
	if err := input.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.(interface{ Close() error }).Close() }()
	values = make(map[string]float64)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	b := sdk.NewBatch(catalog)
	for ctx.Err() == nil {
		b.Reset()
		_, _ = input.(sdk.Reader).Read(ctx, b)
		for m := range b.All() {
			if m.Name() != vocabulary.GPU || m.Tag(vocabulary.TagIndex) != "1" {
				continue
			}
			if tags == nil {
				tags = maps.Clone(tagsOf(m))
			}
			for slot := range m.Len() {
				if v, ok := m.Value(slot).Number(); ok {
					values[m.Field(slot).Name] = v
				}
			}
		}
	}
	if len(tags) == 0 {
		t.Fatal("inputs.nvml has read nothing")
	}
	return tags, values
}
