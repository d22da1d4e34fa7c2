package threshold

import (
	"fmt"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// quantity is what is known of a number before there is any.
type quantity struct {
	dimension
	bare    bool // made of numbers without a unit only: it fits to any
	unknown bool // a field that the vocabulary does not know is in it
	ratio   bool // a field that lies between 0 and 1
}

// checker finds what is wrong with the tree of an expression.
type checker struct {
	measurement string
	faults      []*fault
}

func (c *checker) report(n *node, problem, remedy string) {
	c.faults = append(c.faults, &fault{n.place, problem, remedy})
}

// condition checks what must be true or false.
func (c *checker) condition(n *node) {
	switch {
	case !n.logical():
		remedy := "compare it with something"
		if n.op == opName {
			remedy = "write `" + n.text + " == 1` or the like"
		}
		c.report(n, "`"+n.String()+"` is neither true nor false", remedy)
	case n.op == opNot:
		c.condition(n.left)
	case n.op == opOr || n.op == opAnd:
		c.condition(n.left)
		c.condition(n.right)
	default:
		c.comparison(n)
	}
}

func (c *checker) comparison(n *node) {
	switch n.op {
	case opHas:
		c.bits(n)
	case opIn:
		for _, item := range n.list {
			c.pair(n, n.left, item)
		}
	default:
		c.pair(n, n.left, n.right)
	}
}

// pair checks that two operands can be compared.
func (c *checker) pair(n, left, right *node) {
	switch {
	case left.op == opText && right.op == opText:
		c.report(n, "compares two texts", "name a tag or a field on one side")
	case left.op == opText:
		c.text(n, right, left)
	case right.op == opText:
		c.text(n, left, right)
	default:
		a, b := c.quantity(left), c.quantity(right)
		c.same(n, a, b)
		c.reach(left, a, right)
		c.reach(right, b, left)
	}
}

// text checks the comparison of a name with a text.
func (c *checker) text(n, name, text *node) {
	if n.op != opEqual && n.op != opNotEqual && n.op != opIn {
		c.report(n, "a text has no order", "use `==` or `!=`")
		return
	}
	if name.op != opName {
		c.report(name, "`"+name.String()+"` is compared with a text", "name a tag or a field")
		return
	}
	if f, ok := vocabulary.Coerce(c.measurement, name.text); ok && f.Type != sdk.String && !isTag(c.measurement, name.text) {
		c.report(text, "`"+name.text+"` is a number and no text", "leave out the quotes")
		return
	}
	c.near(name, true)
}

func (c *checker) near(n *node, text bool) {
	if known := meant(c.measurement, n.text, text); known != "" {
		c.report(n, "there is no field `"+n.text+"`", "did you mean `"+known+"`?")
	}
}

// quantity checks an operand that must be a number.
func (c *checker) quantity(n *node) quantity {
	switch n.op {
	case opNumber:
		if n.unit == nil {
			return quantity{bare: true}
		}
		d, _ := dimensionOf(n.unit.base)
		return quantity{dimension: d}
	case opName:
		return c.field(n)
	case opText:
		c.report(n, "a text is no number", "texts are compared with `==` and `!=` alone")
		return quantity{unknown: true}
	case opNegate:
		q := c.quantity(n.left)
		q.ratio = false
		return q
	case opAdd, opSubtract:
		a, b := c.quantity(n.left), c.quantity(n.right)
		c.same(n, a, b)
		if a.bare || a.unknown {
			a, b = b, a
		}
		return quantity{dimension: a.dimension, bare: a.bare && b.bare, unknown: a.unknown}
	case opMultiply, opDivide:
		a, b := c.quantity(n.left), c.quantity(n.right)
		sign := int8(1)
		if n.op == opDivide {
			sign = -1
		}
		return quantity{dimension: a.times(b.dimension, sign), bare: a.bare && b.bare, unknown: a.unknown || b.unknown}
	}
	c.report(n, "`"+n.String()+"` is true or false, and no number", "join comparisons with `and`")
	return quantity{unknown: true}
}

func (c *checker) field(n *node) quantity {
	f, ok := vocabulary.Coerce(c.measurement, n.text)
	switch {
	case !ok && isTag(c.measurement, n.text), ok && f.Type == sdk.String:
		c.report(n, "`"+n.text+"` is a text and no number", "compare it with a text in quotes")
		return quantity{unknown: true}
	case !ok:
		c.near(n, false)
		return quantity{unknown: true}
	}
	d, known := dimensionOf(f.Unit)
	return quantity{dimension: d, unknown: !known, ratio: f.Unit == "ratio"}
}

// same reports operands of different dimensions.
func (c *checker) same(n *node, a, b quantity) {
	if a.bare || b.bare || a.unknown || b.unknown || a.dimension == b.dimension {
		return
	}
	verb := "compares"
	if n.op == opAdd || n.op == opSubtract {
		verb = "adds"
		if n.op == opSubtract {
			verb = "subtracts"
		}
	}
	c.report(n, fmt.Sprintf("%s %s and %s", verb, a.dimension, b.dimension), "")
}

// reach reports a comparison of a ratio with a number that no ratio comes to.
func (c *checker) reach(n *node, q quantity, with *node) {
	if n.op != opName || !q.ratio || with.op != opNumber || with.number <= 1 {
		return
	}
	remedy := ""
	if with.unit == nil && with.number <= 100 {
		remedy = "write `" + with.text + "%`"
	}
	c.report(with, "`"+n.text+"` is a ratio, between 0 and 1", remedy)
}

// bits checks n.left has n.right: a field of bits, and a number or the name of a bit.
func (c *checker) bits(n *node) {
	if n.left.op != opName {
		c.report(n.left, "`"+n.left.String()+"` has no bits", "name a field such as throttle_reasons")
		return
	}
	c.field(n.left)
	switch n.right.op {
	case opName:
		if _, ok := bitOf(n.left.text, n.right.text); !ok {
			c.report(n.right, "`"+n.right.text+"` is no bit of "+n.left.text, bitRemedy(n.left.text, n.right.text))
		}
	case opNumber:
		if v := n.right.number; n.right.unit != nil || v < 1 || v != float64(uint64(v)) {
			c.report(n.right, "`"+n.right.String()+"` is no number of bits", "write it as `0x40`")
		}
	default:
		c.report(n.right, "the bit must be a name or a number", "write it as `0x40`")
	}
}

// bitOf returns the bit of throttle_reasons that a name stands for.
func bitOf(field, name string) (float64, bool) {
	if field != throttleReasons {
		return 0, false
	}
	for _, t := range vocabulary.Throttles() {
		if t.Name == name {
			return float64(t.Bit), true
		}
	}
	return 0, false
}

const throttleReasons = "throttle_reasons"

func bitRemedy(field, name string) string {
	if field != throttleReasons {
		return "write it as `0x40`"
	}
	var known []string
	for _, t := range vocabulary.Throttles() {
		known = append(known, t.Name)
	}
	if near := sdk.Nearest(name, known); near != "" {
		return "did you mean `" + near + "`?"
	}
	return "bits are " + strings.Join(known, ", ") + ", or a number such as 0x40"
}
