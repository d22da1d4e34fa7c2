package sdk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestClear(t *testing.T) {
	f := func(line string, fill func(*sdk.Metric), want string) {
		t.Helper()
		// Between two others, which must stay as they are: their values lie in the same memory.
		b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), "a x=1,s=\"one\" 1\n"+line+"\nc x=3,s=\"three\" 3")
		before := b.Bytes()
		for m := range b.All() {
			if m.Time() == 2 {
				b.Move(m, b.Series("other"))
				m.Clear()
				if m.Len() != 0 || m.Schema().Len() != 0 {
					t.Errorf("%d fields are left of %s", m.Len(), line)
				}
				fill(m)
			}
		}
		if d := cmp.Diff([]string{"a x=1,s=\"one\" 1", want, "c x=3,s=\"three\" 3"}, sdktest.Dump(b)); d != "" {
			t.Errorf("%s: -want +got\n%s", line, d)
		}
		if b.Len() != 3 || b.Tally().Added != 3 || b.Tally().Dropped() != 0 {
			t.Errorf("%s: %d rows, tally %+v", line, b.Len(), *b.Tally())
		}
		if after := b.Bytes(); after > before {
			t.Errorf("%s: %d bytes, and %d before", line, after, before)
		}
	}
	f("b x=1,y=2i,s=\"text\" 2", func(m *sdk.Metric) { m.Float("z", 5) }, "other z=5 2")
	f("b x=1,s=\"text\" 2 absorbed notes=k=v", func(m *sdk.Metric) { m.Text("t", "new") }, `other t="new" 2 absorbed notes=k=v`)
	f("b x=1,y=2 2 origin=a", func(m *sdk.Metric) { m.Float("x", 7) }, "other x=7 2 class=result origin=a")
	f("b x=1,y=2 2", func(*sdk.Metric) {}, "other - 2")
	f("b - 2", func(*sdk.Metric) {}, "other - 2")
	f("b x=1,y=2,z=3 2", func(m *sdk.Metric) {
		for _, name := range []string{"p", "q", "r"} {
			m.Float(name, 1)
		}
	}, "other p=1,q=1,r=1 2")
}
