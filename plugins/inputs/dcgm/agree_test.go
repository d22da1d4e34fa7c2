//go:build cgo

package dcgm

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
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
