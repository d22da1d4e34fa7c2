package average

import (
	"maps"
	"slices"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Foresee adds the results, and finds counters that nothing gives.
func (c *Config) Foresee(in sdk.Outlook) (out sdk.Outlook, idle []sdk.Fault) {
	s := newStatistics(c)
	out = window.Outlook(in, func(f sdk.Field) []sdk.Field {
		known := s.Field(f)
		switch {
		case f.Kind != sdk.Counter:
			return known.stats
		case known.gauge != "" && s.mean:
			return []sdk.Field{known.rate, known.mean}
		}
		return []sdk.Field{known.rate}
	})
	for _, gauge := range slices.Sorted(maps.Keys(c.FromCounter)) {
		counter := c.FromCounter[gauge]
		if !in.Lacks(counter) || vocabulary.FromCounter()[gauge] == counter {
			continue
		}
		idle = append(idle, sdk.Fault{
			Path: []string{"from_counter", gauge}, Problem: "nothing that comes here has `" + counter + "`: the mean is that of `" + gauge + "` itself",
			Remedy: vocabulary.Remedy(in, vocabulary.GPU, counter),
		})
	}
	return out, idle
}
