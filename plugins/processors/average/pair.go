package average

import (
	"fmt"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// checkPair says why the mean of a gauge cannot be taken from a counter.
func checkPair(gauge, counter string) error {
	fault := func(problem string) error {
		return sdk.Fault{Path: []string{"from_counter", gauge}, Problem: problem}
	}
	switch {
	case !mayBe(gauge, sdk.Gauge):
		return fault("is no gauge: it has no mean")
	case !mayBe(counter, sdk.Counter):
		return fault(fmt.Sprintf("%q is no counter: it does not grow", counter))
	}
	return nil
}

// mayBe reports whether a field may be of a kind: what is no reading of the vocabulary is its input's business.
func mayBe(field string, k sdk.Kind) bool {
	known := false
	for _, r := range vocabulary.All() {
		if r.Name == field {
			known = true
			if r.Kind == k {
				return true
			}
		}
	}
	return !known
}
