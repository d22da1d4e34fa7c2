package peak

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// field is a gauge with the fields that are made of it.
type field struct {
	level      float64
	levelled   bool
	max        sdk.Field
	maxTime    sdk.Field
	min        sdk.Field
	above      sdk.Field
	excursions sdk.Field
	samples    sdk.Field
	resolution sdk.Field
}

// Field prepares what is to be known of a field.
func (s *statistics) Field(f sdk.Field) *field {
	if f.Kind == sdk.Counter {
		return nil
	}
	result := func(suffix string) sdk.Field {
		r, _ := vocabulary.ResultField(f, suffix)
		return r
	}
	level, levelled := s.above[f.Name]
	return &field{
		level: level, levelled: levelled,
		max:        result("_max"),
		maxTime:    result("_max_time"),
		min:        result("_min"),
		above:      result("_above_seconds"),
		excursions: result("_excursions"),
		samples:    result("_samples"),
		resolution: result("_resolution_seconds"),
	}
}
