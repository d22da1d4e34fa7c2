package peak

import (
	"maps"
	"slices"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Foresee adds the results, and finds levels of fields that nothing gives.
func (c *Config) Foresee(in sdk.Outlook) (out sdk.Outlook, idle []sdk.Fault) {
	s := newStatistics(c)
	out = window.Outlook(in, func(f sdk.Field) []sdk.Field {
		if f.Kind == sdk.Counter {
			return nil
		}
		known := s.Field(f)
		made := []sdk.Field{known.max, known.maxTime}
		if c.Min {
			made = append(made, known.min)
		}
		if known.levelled {
			made = append(made, known.above, known.excursions)
		}
		if c.Evidence {
			made = append(made, known.samples, known.resolution)
		}
		return made
	})
	for _, name := range slices.Sorted(maps.Keys(c.Above)) {
		if in.Lacks(name) {
			idle = append(idle, sdk.Fault{
				Path: []string{"above", name}, Problem: "nothing that comes here has this field: there is no time above the level to tell",
				Remedy: vocabulary.Remedy(in, vocabulary.GPU, name),
			})
		}
	}
	return out, idle
}
