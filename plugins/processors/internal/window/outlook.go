package window

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Outlook returns what is known of the metrics behind windows that make fields of each sample's. Of the results of
// other windows they make nothing.
func Outlook(in sdk.Outlook, made func(sdk.Field) []sdk.Field) sdk.Outlook {
	out := sdk.Outlook{Fields: make(map[string][]sdk.Field, len(in.Fields)), Whole: in.Whole}
	for measurement, fields := range in.Fields {
		all := slices.Clone(fields)
		for _, f := range fields {
			_, isReading := vocabulary.Find(measurement, f.Name)
			if isReading && sampled(measurement) && f.Kind != sdk.Info {
				all = append(all, made(f)...)
			}
		}
		out.Fields[measurement] = all
	}
	return out
}

// sampled reports whether windows read a measurement.
func sampled(measurement string) bool {
	switch measurement {
	case vocabulary.Process, vocabulary.Info, vocabulary.Event, vocabulary.Threshold, vocabulary.Pod:
		return false
	}
	return true
}
