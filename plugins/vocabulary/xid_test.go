package vocabulary

import (
	"cmp"
	"slices"
	"testing"
)

func TestXIDs(t *testing.T) {
	f := func(severity string, application bool, numbers ...int) {
		t.Helper()
		for _, n := range numbers {
			if x := FindXID(n); x.Number != n || x.Severity != severity || x.Application != application || x.Meaning == "" {
				t.Errorf("XID %d: %+v", n, x)
			}
		}
	}
	f(Critical, false, 48, 62, 64, 74, 79, 95, 119, 120)
	f(Warning, false, 94, 0, 999)
	f(Notice, true, 13, 31, 43)
	if !slices.IsSortedFunc(xids, func(x, y XID) int { return cmp.Compare(x.Number, y.Number) }) {
		t.Error("the table is not in order, and so not to be searched")
	}
}
