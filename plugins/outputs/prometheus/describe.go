package prometheus

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// known reports whether the vocabulary has the field.
func known(measurement, field string) bool {
	_, ok := reading(measurement, field)
	return ok
}

// reading returns what the vocabulary has of a field: by our names or, where the measurement's own name is
// all that there is, by DCGM's.
func reading(measurement, field string) (vocabulary.Reading, bool) {
	if field == bare {
		return vocabulary.ByDCGMName(measurement)
	}
	return vocabulary.Find(measurement, field)
}

// kindOf returns what a field is: what the vocabulary says, or else what its source says.
func kindOf(measurement string, f sdk.Field) sdk.Kind {
	if r, ok := reading(measurement, f.Name); ok {
		return r.Kind
	}
	return f.Kind
}

// helpOf returns the help text of a field.
func helpOf(measurement, field string) string {
	if r, ok := reading(measurement, field); ok {
		return r.Help
	}
	if field == bare {
		return "The metric " + measurement + "."
	}
	return "The field " + field + " of " + measurement + "."
}
