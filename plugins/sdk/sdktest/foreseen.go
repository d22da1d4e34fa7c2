package sdktest

import (
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Foreseen reports fields of b that the configuration of its input says it never gives: `gpuline check` would warn of
// a rule on one of these.
func Foreseen(t testing.TB, config sdk.Foreseer, b *sdk.Batch) {
	t.Helper()
	outlook, _ := config.Foresee(sdk.Outlook{})
	for m := range b.All() {
		fields, known := outlook.Of(m.Name())
		if !known {
			continue
		}
		has := make(map[string]bool)
		for _, f := range fields {
			has[f.Name] = true
		}
		for slot := range m.Len() {
			if name := m.Field(slot).Name; !has[name] {
				t.Errorf("nobody would foresee the field %s of %s", name, m.Name())
			}
		}
	}
}
