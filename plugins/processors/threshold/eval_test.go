package threshold

import (
	"hash/maphash"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// oracle evaluates the tree of a condition as it stands. It knows texts and numbers by name.
type oracle struct {
	numbers func(name string) float64
	texts   func(name string) string
}

func (o oracle) condition(n *node) truth {
	is := func(b bool) truth {
		if b {
			return yes
		}
		return no
	}
	switch n.op {
	case opNot:
		switch o.condition(n.left) {
		case yes:
			return no
		case no:
			return yes
		}
		return undefined
	case opAnd:
		if left := o.condition(n.left); left != yes {
			return left
		}
		return o.condition(n.right)
	case opOr:
		if left := o.condition(n.left); left != no {
			return left
		}
		return o.condition(n.right)
	case opHas:
		v := o.quantity(n.left)
		mask := n.right.number
		for _, bit := range vocabulary.Throttles() {
			if n.right.op == opName && bit.Name == n.right.text {
				mask = float64(bit.Bit)
			}
		}
		if math.IsNaN(v) || math.Abs(v) >= 1<<63 {
			return undefined
		}
		return is(int64(v)&int64(mask) != 0)
	case opIn:
		for _, item := range n.list {
			if found := o.compare(opEqual, n.left, item); found != no {
				return found
			}
		}
		return no
	}
	return o.compare(n.op, n.left, n.right)
}

func (o oracle) compare(op operator, left, right *node) truth {
	var order int
	if left.op == opText || right.op == opText {
		order = strings.Compare(o.text(left), o.text(right))
	} else {
		a, b := o.quantity(left), o.quantity(right)
		for _, v := range []float64{a, b} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return undefined
			}
		}
		switch {
		case a < b:
			order = -1
		case a > b:
			order = 1
		}
	}
	holds := map[operator]bool{
		opLess: order < 0, opLessEqual: order <= 0, opGreater: order > 0, opGreaterEqual: order >= 0,
		opEqual: order == 0, opNotEqual: order != 0,
	}
	if holds[op] {
		return yes
	}
	return no
}

func (o oracle) text(n *node) string {
	if n.op == opName {
		return o.texts(n.text)
	}
	return n.text
}

func (o oracle) quantity(n *node) float64 {
	switch n.op {
	case opNumber:
		return n.number
	case opName:
		return o.numbers(n.text)
	case opNegate:
		return -o.quantity(n.left)
	}
	a, b := o.quantity(n.left), o.quantity(n.right)
	switch n.op {
	case opAdd:
		return a + b
	case opSubtract:
		return a - b
	case opMultiply:
		return a * b
	}
	return a / b
}

// evaluate runs the compiled form of a condition.
func evaluate(n *node, o oracle) truth {
	var columns []column
	p := compile(n, &columns)
	cells := make([]cell, len(columns))
	for i, c := range columns {
		if c.text {
			cells[i].text = o.texts(c.name)
		} else {
			cells[i].number = o.numbers(c.name)
		}
	}
	return p.run(cells, make([]float64, p.depth))
}

func TestEvaluation(t *testing.T) {
	numbers := map[string]float64{
		"a": 3, "b": -2, "zero": 0, "huge": math.MaxFloat64, "throttle_reasons": 0x44, "xid": 79,
		"utilization_ratio": 0.98, "temperature_celsius": 80, "memory_used_bytes": 2 << 30,
	}
	texts := map[string]string{"gpu_name": "H100", "empty": ""}
	o := oracle{func(n string) float64 { return numbers[n] }, func(n string) string { return texts[n] }}
	f := func(text string, want truth) {
		t.Helper()
		n, err := parse(text)
		if err != nil {
			t.Error(err)
			return
		}
		if got := evaluate(n, o); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
		if got := o.condition(n); got != want {
			t.Errorf("%s: the oracle says %d, want %d", text, got, want)
		}
	}
	f("a > 2", yes)
	f("a > 3", no)
	f("a >= 3", yes)
	f("a < 3", no)
	f("a <= 3", yes)
	f("a == 3", yes)
	f("a != 3", no)
	f("b == -2", yes)
	f("-b == 2", yes)
	f("a - 2 - 1 == 0", yes)
	f("a - (2 - 1) == 2", yes)
	f("12 / a / 2 == 2", yes)
	f("2 + a * 4 == 14", yes)
	f("(2 + a) * 4 == 20", yes)
	f("a > 2 and b < 0", yes)
	f("a > 2 and b > 0", no)
	f("a > 3 or b < 0", yes)
	f("a > 3 or b > 0", no)
	f("a > 3 and b > 0 or a == 3", yes)
	f("a > 3 and (b > 0 or a == 3)", no)
	f("not a > 3", yes)
	f("not a > 2 or b < 0", yes)
	f("not (a > 2 or b < 0)", no)
	f("not not a > 2", yes)
	f("utilization_ratio >= 98%", yes)
	f("temperature_celsius > 79.5C", yes)
	f("memory_used_bytes == 2GiB", yes)
	f("memory_used_bytes > 2GB", yes)
	f("a == 3000ms", yes)
	f("a == 0.05m", yes)
	f("1.5GHz == 1500MHz and a == 3", yes)
	f("1kWh == 3.6MJ and a == 3", yes)
	f("a has 1", yes)
	f("a has 4", no)
	f("a has 6", yes)
	f("throttle_reasons has hw_thermal", yes)
	f("throttle_reasons has sw_power", yes)
	f("throttle_reasons has power_brake", no)
	f("throttle_reasons has 0x80", no)
	f("not throttle_reasons has idle", yes)
	f("xid in (48, 62, 79)", yes)
	f("xid in (48, 62)", no)
	f("xid in (79)", yes)
	f("not xid in (48, 62)", yes)
	f("a in (b + 5, 7)", yes)
	f(`gpu_name == "H100"`, yes)
	f(`gpu_name != "H100"`, no)
	f(`gpu_name == "h100"`, no)
	f(`"A100" == gpu_name`, no)
	f(`gpu_name in ("A100", "H100")`, yes)
	f(`empty == ""`, yes)
	f(`gpu_name == "H100" and a == 3`, yes)
	f("a / zero > 1", undefined)
	f("zero / zero != 1", undefined)
	f("not a / zero > 1", undefined)
	f("huge * 2 > 1", undefined)
	f("huge has 1", undefined)
	f("zero != 0 and a / zero > 1", no)
	f("zero == 0 or a / zero > 1", yes)
	f("a / zero > 1 or zero == 0", undefined)
	f("a / zero in (1, 2)", undefined)
	f("a == true or zero == false", yes)
	f("a has 1 and a == 3 and b == -2 and zero == 0", yes)
}

// grow makes a random tree of conditions that a checker takes.
func grow(r *rand.Rand, depth int) *node {
	fields := []string{"a", "b", "c", "throttle_reasons"}
	var quantity func(depth int) *node
	quantity = func(depth int) *node {
		switch n := r.IntN(8); {
		case depth == 0 || n < 3:
			if r.IntN(2) == 0 {
				return &node{op: opName, text: fields[r.IntN(len(fields))]}
			}
			text := []string{"0", "1", "2", "0.5", "1e3", "0x4"}[r.IntN(6)]
			parsed, _ := parse(text + " > 0")
			return parsed.left
		case n == 3:
			return &node{op: opNegate, left: quantity(depth - 1)}
		}
		op := []operator{opAdd, opSubtract, opMultiply, opDivide}[r.IntN(4)]
		return &node{op: op, left: quantity(depth - 1), right: quantity(depth - 1)}
	}
	if depth > 0 {
		switch r.IntN(4) {
		case 0:
			return &node{op: opNot, left: grow(r, depth-1)}
		case 1, 2:
			return &node{op: []operator{opAnd, opOr}[r.IntN(2)], left: grow(r, depth-1), right: grow(r, depth-1)}
		}
	}
	switch r.IntN(8) {
	case 0:
		bit := &node{op: opName, text: "sw_power"}
		return &node{op: opHas, left: &node{op: opName, text: "throttle_reasons"}, right: bit}
	case 1:
		n := &node{op: opIn, left: quantity(1)}
		for range 1 + r.IntN(3) {
			n.list = append(n.list, quantity(1))
		}
		return n
	case 2:
		op := []operator{opEqual, opNotEqual}[r.IntN(2)]
		return &node{op: op, left: &node{op: opName, text: "name"}, right: &node{op: opText, text: []string{"x", ""}[r.IntN(2)]}}
	}
	return &node{op: opLess + operator(r.IntN(6)), left: quantity(2), right: quantity(2)}
}

// TestRandomTrees writes random trees, parses them again, and compares what becomes of them with the
// oracle.
func TestRandomTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	counts := map[truth]int{}
	for range 6_000 {
		n := grow(r, 4)
		text := n.String()
		again, err := parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again.String() != text {
			t.Fatalf("%s is parsed as %s", text, again)
		}
		c := checker{measurement: "gpu"}
		if c.condition(again); len(c.faults) > 0 {
			t.Fatalf("%s: %v", text, c.faults[0])
		}
		values := map[string]float64{"throttle_reasons": float64(r.IntN(8))}
		for _, name := range []string{"a", "b", "c"} {
			values[name] = []float64{0, 1, -1, 2, 0.5, 1e300}[r.IntN(6)]
		}
		word := []string{"x", "y", ""}[r.IntN(3)]
		o := oracle{func(n string) float64 { return values[n] }, func(string) string { return word }}
		want := o.condition(n)
		counts[want]++
		if got := evaluate(again, o); got != want {
			t.Fatalf("%s with %v, name %q: %d, the oracle says %d", text, values, word, got, want)
		}
	}
	if min(counts[yes], counts[no], counts[undefined]) < 500 {
		t.Errorf("trees are true, false, undefined %v", counts)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"temperature_celsius > 80C and not (power_watts / power_limit_watts < 98%)",
		`gpu_name == "H100" or code in ('48', "79") and a.b >= -1.5e3 GiB`,
		"throttle_reasons has hw_thermal or x has 0x40\n\t and -(a + b) * c != 0xff",
		"a in (1, -2, (3 + x)) and true == false", "a > 5 m and b < 3°C", "((((a))))<=1.", "a=1&&b||!c", "a > 1 Q", "1s<2µs",
	} {
		f.Add(seed)
	}
	seed := maphash.MakeSeed()
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parse(text)
		if err != nil {
			if err.line < 1 || err.column < 1 || err.problem == "" {
				t.Errorf("fault %+v", err)
			}
			return
		}
		printed := n.String()
		again, err := parse(printed)
		if len(printed) > maxLength {
			return // spaces were added
		}
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, printed, err)
		}
		if again.String() != printed {
			t.Fatalf("%q is written %q, and then %q", text, printed, again)
		}
		c := checker{measurement: "gpu"}
		if c.condition(again); len(c.faults) > 0 {
			return
		}
		o := oracle{
			func(n string) float64 { return float64(maphash.String(seed, n)%7) - 2 },
			func(n string) string { return n },
		}
		if got, want := evaluate(again, o), o.condition(n); got != want {
			t.Errorf("%q: %d, the oracle says %d", text, got, want)
		}
	})
}
