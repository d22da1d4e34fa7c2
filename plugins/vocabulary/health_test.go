package vocabulary_test

import (
	"slices"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// told returns the codes and values of the events in b.
func told(b *sdk.Batch) (codes []string, sum float64) {
	for m := range b.All() {
		if m.Name() == vocabulary.Event {
			codes = append(codes, m.Tag(vocabulary.TagCode)+" "+m.Tag(vocabulary.TagSeverity))
			v, _ := m.Number("value")
			sum += v
		}
	}
	return codes, sum
}

func TestECC(t *testing.T) {
	f := func(want float64, reported bool, readings ...int64) {
		t.Helper()
		b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		var events vocabulary.Events
		var c vocabulary.ECC
		for i, v := range readings {
			if reported && i == len(readings)-1 {
				c.Report(events.On(b, card, int64(i+1)), true)
			}
			m := b.Add(b.Series(vocabulary.GPU, card...), int64(i+1))
			m.Set(vocabulary.Field(vocabulary.GPU, "ecc_uncorrected_errors"), sdk.IntValue(v))
			c.Observe(events.On(b, card, m.Time()), m)
		}
		codes, got := told(b)
		if got != want || (len(codes) > 0) != (want > 0 || reported) || len(codes) > 0 && codes[0] != "uncorrected critical" {
			t.Errorf("%v: %q, grown by %v, want %v", readings, codes, got, want)
		}
	}
	f(0, false, 5)
	f(2, false, 5, 7)
	f(0, true, 5, 7)
	f(0, false, 5, 0)
	f(1, false, 5, 0, 1)
}

func TestRecovery(t *testing.T) {
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	var events vocabulary.Events
	var r vocabulary.Recovery
	for i, action := range []int64{0, 0, 1, 1, 4, 9, 0} {
		r.Observe(events.On(b, card, int64(i+1)), action)
	}
	want := []string{"reset critical", "drain_and_reset critical", "9 warning", "none info"}
	if codes, _ := told(b); !slices.Equal(codes, want) {
		t.Errorf("%q, want %q", codes, want)
	}
}
