package sdktest

import (
	"fmt"
	"math"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// AddHostile adds rows that are legal and that a plugin may not have thought of: without fields, with
// 300 fields, strings or bools only, numbers that are none, the ends of each type, equal times, times
// out of order and at the ends of an int64, line breaks and quotes wherever they can stand, long
// strings, and no tags at all.
func AddHostile(b *sdk.Batch) {
	gpu := b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: "0"})
	at := func(ns int64) *sdk.Metric { return b.Add(gpu, ns) }
	power := sdk.Field{Name: "power_watts", Unit: "watts"}

	at(1)
	many := at(2)
	for i := range 300 {
		many.Float(fmt.Sprintf("field_%d", i), float64(i))
	}
	at(3).Text("text", "only")
	at(4).Bool("ok", true)
	at(5).SetNumber(power, math.NaN())
	at(6).SetNumber(power, math.Inf(1))
	at(7).SetNumber(power, math.Inf(-1))
	at(8).SetNumber(power, math.MaxFloat64)
	at(9).SetNumber(power, math.SmallestNonzeroFloat64)
	at(10).SetNumber(power, math.Copysign(0, -1))
	for range 3 {
		at(11).SetNumber(power, 1)
	}
	at(3).SetNumber(power, 2)

	ends := at(12)
	ends.Int("least", math.MinInt64)
	ends.Int("most", math.MaxInt64)
	ends.Uint("most_of_all", math.MaxUint64)

	// The same field with another type, as a careless input sends it.
	at(13).Text("power_watts", "n/a")
	at(14).Bool("power_watts", false)
	at(15).Int("power_watts", 300)

	odd := b.Add(b.Series("a,b c=\"d\"\\\n", sdk.Tag{Key: "k =,\n", Value: "v =,\"\\\n"}), 16)
	odd.Text("t =,\n", "line\nbreak \"quoted\" \\ \x00 \xff")
	odd.Text("empty", "")
	odd.Text("long", strings.Repeat("x", 100_000))
	b.Add(b.Series("bare"), 17).Float("x", 1)
	b.Add(b.Series("trailing\\", sdk.Tag{Key: "k\\", Value: "v\\"}), 18).Float("x\\", 1)

	for _, ns := range []int64{0, -1, math.MinInt64, math.MaxInt64, math.MinInt64 + 1, math.MaxInt64 - 1, 19} {
		at(ns).SetNumber(power, 3)
	}
	b.Add(b.Series("other"), math.MaxInt64).Float("x", 1)
	b.Add(b.Series("other"), math.MinInt64).Float("x", 2)
}
