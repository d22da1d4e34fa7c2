//go:build cgo

package dcgm

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

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
	r := readings[id]
	if r == nil {
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
