package sdktest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// EachBatch runs f as a subtest for each of some batches that between them have all that a batch can have.
// What carries batches, such as package record, must deliver each of them as it was: compare the [State] at
// both ends. build makes the same batch each time, in the catalog that it is given.
func EachBatch(t *testing.T, f func(t *testing.T, build func(*sdk.Catalog) *sdk.Batch)) {
	each := func(name, text string, change func(*sdk.Batch)) {
		t.Run(name, func(t *testing.T) {
			f(t, func(c *sdk.Catalog) *sdk.Batch {
				b := Batch(t, c, text)
				change(b)
				return b
			})
		})
	}
	asItIs := func(*sdk.Batch) {}
	each("empty", "", asItIs)
	each("one", "gpu,gpu_index=0 power_watts=300.5 1", asItIs)
	each("types", `gpu x=-0,n=-3i,u=18446744073709551615u,yes=true,no=false,s="",t="text" 1
		gpu x=NaN,n=9223372036854775807i,u=0u,yes=true,no=true,s="text",t="" 2
		gpu x=+Inf,n=-9223372036854775808i,u=1u,yes=false,no=true,s="text",t="t" 3`, asItIs)
	each("nine bools", strings.Repeat("gpu a=true,b=false 1\n", 9), asItIs)
	each("kinds and units", "gpu a:counter:bytes=1,b:info:=2,c_watts=3,d:counter:µs=1u 1", asItIs)
	each("classes", "a x=1 1\na x=1 1 class=result\na x=1 1 class=event\na x=1 1 class=info", asItIs)
	each("annotations", "a x=1 1 notes=k=v\na x=1 1 notes=k=v,l=w\na x=1 1\na x=1 1 notes=k=v", asItIs)
	each("origins", "a x=1 1 origin=b\nb x=1 1\na x=1 1 origin=c,k=v class=event", asItIs)
	each("absorbed", "a x=1 1 absorbed\na x=1 1\na x=1 1 absorbed class=info", asItIs)
	each("times", "a x=1 -9223372036854775808\na x=1 9223372036854775807\na x=1 0\na x=1 -9223372036854775808", asItIs)
	each("shapes in turns", strings.Repeat("a x=1 1\na y=1 2\na x=1i 3\na - 4\n", 3), asItIs)
	each("id", "a x=1 1", func(b *sdk.Batch) { b.ID = sdk.BatchID{Agent: "host", Epoch: math.MaxUint64, Seq: 7} })
	each("tally", "a x=1 1\nb x=1 1\nc x=1 1\nd x=1 1", func(b *sdk.Batch) {
		for m := range b.All() {
			switch m.Name() {
			case "a":
				b.Drop(m, sdk.DropLate)
			case "b":
				b.Drop(m, "own_reason")
			case "c":
				b.Filter(m)
			}
		}
	})
	each("made and not", "a x=1 1", func(b *sdk.Batch) {
		b.Enter()
		b.Add(b.Series("a"), 2).Float("x", 2)
	})
	each("limited", strings.Repeat("a x=1,y=2,z=3 1\nb x=1 2\n", 2), func(b *sdk.Batch) {
		b.Limit(func(m *sdk.Metric) bool { return m.Name() == "a" },
			func(s *sdk.Schema) *sdk.Mask {
				return sdk.NewMask(s, func(f sdk.Field) bool { return f.Name != "y" })
			})
	})
	each("hostile", "", AddHostile)
}

// State returns all that b holds: for each row its marks and the fields that a filter hides, then the lines of
// [DumpFull], rows that a filter hides included, then the tally and the identity. It ends the batch's limit.
func State(b *sdk.Batch) []string {
	var lines []string
	for m := range b.Rows() {
		hidden := []int{}
		for slot := range m.Len() {
			if !m.Visible(slot) {
				hidden = append(hidden, slot)
			}
		}
		lines = append(lines, fmt.Sprint(m.Marks(), hidden))
	}
	b.Unlimit()
	return append(append(lines, DumpFull(b)...), fmt.Sprintf("%d rows %+v %+v", b.Len(), *b.Tally(), b.ID))
}
