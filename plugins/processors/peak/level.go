package peak

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// checkLevel says what is wrong with a level: one that nothing can exceed, such as 95 for 95 %, or a slip in the
// name of a field, would let an operator wait for ever. What is no reading of the vocabulary is its input's
// business.
func checkLevel(name string, level float64) error {
	fault := func(problem, remedy string) error {
		return sdk.Fault{Path: []string{"above", name}, Problem: problem, Remedy: remedy}
	}
	if math.IsNaN(level) || math.IsInf(level, 0) {
		return fault(fmt.Sprintf("%v is not a level", level), "")
	}
	readings := vocabulary.All()
	at := slices.IndexFunc(readings, func(r vocabulary.Reading) bool { return r.Name == name })
	if at < 0 {
		if known := meant(name, readings); known != "" {
			return fault("there is no field of that name", "did you mean `"+known+"`?")
		}
		return nil
	}
	gauge := func(r vocabulary.Reading) bool { return r.Name == name && r.Kind == sdk.Gauge }
	if !slices.ContainsFunc(readings, gauge) {
		return fault("is no gauge: only of those windows tell the time above a level", "")
	}
	if r := readings[at]; r.Bounded && level > r.Max {
		return fault(fmt.Sprintf("is never above %v", level), remedy(&r, level))
	}
	return nil
}

// remedy takes a level of a ratio for what it is in per cent.
func remedy(r *vocabulary.Reading, level float64) string {
	if r.Unit == "ratio" && level < 100 {
		return "write " + strconv.FormatFloat(level/100, 'g', -1, 64) + " for " + strconv.FormatFloat(level, 'g', -1, 64) + " %"
	}
	return fmt.Sprintf("it is at most %v", r.Max)
}

// meant returns the reading of a GPU that a long name was meant to be: two letters may be wrong.
func meant(name string, readings []vocabulary.Reading) string {
	best, least := "", 3
	for i := range readings {
		r := &readings[i]
		if r.Metric != vocabulary.GPU || len(r.Name) < 10 || max(len(name)-len(r.Name), len(r.Name)-len(name)) >= least {
			continue
		}
		if d := sdk.Distance(name, r.Name); d < least {
			best, least = r.Name, d
		}
	}
	return best
}
