package counters_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/dcgm/counters"
)

func TestParse(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		list, faults := counters.Parse(text)
		var got []string
		for _, c := range list {
			got = append(got, c.Field+" "+c.Kind)
		}
		for _, fault := range faults {
			got = append(got, fmt.Sprintf("%d: %s", fault.Line, fault.Problem))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", text, got, want)
		}
	}
	f("")
	f("# X, gauge, help\n\n   \n  # Y, gauge, help\n")
	f("DCGM_FI_DEV_SM_CLOCK,  gauge, SM clock (in MHz).", "DCGM_FI_DEV_SM_CLOCK gauge")
	f("DCGM_FI_DEV_DEC_UTIL ,     gauge, x\r\nB,counter,y\r\n", "DCGM_FI_DEV_DEC_UTIL gauge", "B counter")
	f("\ufeffA,label,x\n  B, summary, x, y, and z\n\"C\",\"histogram\",\"d, e\"", "A label", "B summary", "C histogram")
	f("A,gauge", "A gauge")
	f("A,gauge,x\nA,counter,y", "A gauge")
	f("A\nB,gauge,x\nC,guage,x\n4,gauge,x\nD,x,y\n,,\n", "B gauge",
		`1: "A" is no counter: write FIELD, type, help`,
		"3: C has the unknown type \"guage\": did you mean gauge?",
		`4: "4" is not the name of a field`,
		"5: D has the unknown type \"x\": there are gauge, counter, histogram, summary, label",
		`6: "" is not the name of a field`)
	f("a b,gauge,x\nA\x00,gauge,x\nÄ,gauge,x", `1: "a b" is not the name of a field`, `2: "A\x00" is not the name of a field`, `3: "Ä" is not the name of a field`)
	if _, faults := counters.Parse(strings.Repeat("?\n", 1000)); len(faults) != 12 {
		t.Errorf("%d faults", len(faults))
	}
}
