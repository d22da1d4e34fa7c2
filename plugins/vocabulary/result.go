package vocabulary

import "github.com/gpuline/gpuline/plugins/sdk"

// Result is what a window says of a field: a suffix to the field's name.
type Result struct {
	Suffix string
	Help   string
	field  func(base sdk.Field) sdk.Field // but for the name
}

// results holds every suffix, in the order of the documentation. None is the ending of another.
var results = []Result{
	{"_mean", "Mean over the window, by default weighted by time.", asFloat},
	{"_min", "Least value.", asBase},
	{"_max", "Greatest value.", asBase},
	{"_max_time", "When the greatest value was first read, in Unix nanoseconds.", asTime},
	{"_stddev", "Standard deviation.", asFloat},
	{"_p50", "Median of the samples, unweighted.", asFloat},
	{"_p95", "95th percentile of the samples, unweighted.", asFloat},
	{"_p99", "99th percentile of the samples, unweighted.", asFloat},
	{"_above_seconds", "For how long the value was above the level that was asked for.", asSeconds},
	{"_excursions", "How often the value rose above that level.", asCount},
	{"_rate", "Growth of a counter per second, resets counted.", asRate},
	{"_samples", "Evidence: how many samples the window saw.", asCount},
	{"_resolution_seconds", "Evidence: the largest gap between samples, edges included; what is shorter may have been missed.", asSeconds},
}

// FromCounter is the default of average's from_counter: gauges whose mean is better taken from the
// growth of a counter.
func FromCounter() map[string]string { return map[string]string{"power_watts": "energy_joules"} }

// Results returns the suffixes that windows use. The slice is the caller's own.
func Results() []Result { return append([]Result(nil), results...) }

// ResultField returns the field that a window makes of base with a suffix, such as "_mean". It decides
// the type for ever: means, deviations, percentiles and rates are floats, least and greatest values have
// the type of base, times and counts are ints. It reports false for a suffix that no window uses.
func ResultField(base sdk.Field, suffix string) (sdk.Field, bool) {
	for i := range results {
		if results[i].Suffix == suffix {
			f := results[i].field(base)
			f.Name = base.Name + suffix
			return f, true
		}
	}
	return sdk.Field{}, false
}

// Coerce says what a field of a decoded line is: line protocol loses unit and kind, and other writers
// mix up floats and integers. It knows every reading and, of readings, every result.
func Coerce(measurement, field string) (sdk.Field, bool) {
	switch r, s := resolve(measurement, field); {
	case r == nil:
		return sdk.Field{}, false
	case s.Suffix == "":
		return r.Field, true
	default:
		f := s.field(r.Field)
		f.Name = field
		return f, true
	}
}

func asBase(f sdk.Field) sdk.Field  { return sdk.Field{Unit: f.Unit, Type: f.Type} }
func asFloat(f sdk.Field) sdk.Field { return sdk.Field{Unit: f.Unit, Type: sdk.Float} }
func asCount(sdk.Field) sdk.Field   { return sdk.Field{Type: sdk.Int} }
func asTime(sdk.Field) sdk.Field    { return sdk.Field{Type: sdk.Int, Kind: sdk.Info} }
func asSeconds(sdk.Field) sdk.Field { return sdk.Field{Unit: "seconds", Type: sdk.Float} }

func asRate(f sdk.Field) sdk.Field {
	switch f.Unit {
	case "":
		return sdk.Field{Unit: "per_second", Type: sdk.Float}
	case "joules":
		return sdk.Field{Unit: "watts", Type: sdk.Float}
	case "seconds":
		return sdk.Field{Unit: "ratio", Type: sdk.Float}
	}
	return sdk.Field{Unit: f.Unit + "_per_second", Type: sdk.Float}
}
