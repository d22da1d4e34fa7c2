package average

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// field is a field with those that are made of it.
type field struct {
	sdk.Field
	stats   []sdk.Field // of a gauge, in the order of statistics.names
	counter string      // of a gauge: the counter that its mean may come from
	gauge   string      // of a counter: the gauge that it may give the mean of
	rate    sdk.Field   // of a counter
	mean    sdk.Field   // of a counter: the mean of that gauge
}

// Field prepares what is to be known of a field.
func (s *statistics) Field(f sdk.Field) *field {
	known := &field{Field: f}
	if f.Kind == sdk.Counter {
		known.rate = result(f, "_rate")
		if known.gauge = s.gaugeOf[f.Name]; known.gauge != "" {
			g := sdk.Field{Name: known.gauge, Unit: known.rate.Unit}
			if reading, ok := vocabulary.Find(vocabulary.GPU, known.gauge); ok {
				g = reading.Field
			}
			known.mean = result(g, "_mean")
		}
		return known
	}
	known.counter = s.counterOf[f.Name]
	for _, name := range s.names {
		known.stats = append(known.stats, result(f, "_"+name))
	}
	return known
}

func result(f sdk.Field, suffix string) sdk.Field {
	r, _ := vocabulary.ResultField(f, suffix)
	return r
}
