package threshold

import "strings"

// operator is what a node of an expression does.
type operator uint8

const (
	opOr operator = iota
	opAnd
	opNot
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opEqual
	opNotEqual
	opIn  // left is one of list
	opHas // left has one of the bits that right says
	opAdd
	opSubtract
	opMultiply
	opDivide
	opNegate
	opNumber
	opText
	opName
)

var symbols = [...]string{
	opOr: "or", opAnd: "and", opNot: "not ", opLess: "<", opLessEqual: "<=", opGreater: ">",
	opGreaterEqual: ">=", opEqual: "==", opNotEqual: "!=", opIn: "in", opHas: "has",
	opAdd: "+", opSubtract: "-", opMultiply: "*", opDivide: "/", opNegate: "-",
	opNumber: "number", opText: "text", opName: "name",
}

// words belong to the grammar; no field can be called so in an expression.
var words = map[string]bool{
	"or": true, "and": true, "not": true, "in": true, "has": true, "true": true, "false": true,
}

// node is an expression, as it was written.
type node struct {
	place
	op          operator
	left, right *node
	list        []*node // of opIn
	text        string  // of a text its content, of a name the name, of a number what was written
	number      float64 // in base units
	unit        *unit   // of a number; nil for a bare one
}

// logical reports whether the node is true or false, and not a quantity or a text.
func (n *node) logical() bool { return n.op <= opHas }

func (n *node) comparison() bool { return n.op >= opLess && n.op <= opHas }

// The levels of precedence, from the loosest.
const (
	levelOr = iota
	levelAnd
	levelNot
	levelComparison
	levelSum
	levelProduct
	levelNegation
	levelOperand
)

func (n *node) level() int {
	switch n.op {
	case opOr:
		return levelOr
	case opAnd:
		return levelAnd
	case opNot:
		return levelNot
	case opAdd, opSubtract:
		return levelSum
	case opMultiply, opDivide:
		return levelProduct
	case opNegate:
		return levelNegation
	case opNumber, opText, opName:
		return levelOperand
	}
	return levelComparison
}

// String writes the expression with single spaces and no more parentheses than it needs. What it writes
// is parsed to the same tree.
func (n *node) String() string {
	var b strings.Builder
	n.write(&b, levelOr)
	return b.String()
}

func (n *node) write(b *strings.Builder, least int) {
	level := n.level()
	if level < least {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	switch n.op {
	case opNumber:
		b.WriteString(n.text)
		if n.unit != nil {
			b.WriteString(n.unit.symbol)
		}
	case opText:
		b.WriteString(quote(n.text))
	case opName:
		b.WriteString(n.text)
	case opNot, opNegate:
		b.WriteString(symbols[n.op])
		n.left.write(b, level)
	case opIn:
		n.left.write(b, levelSum)
		b.WriteString(" in (")
		for i, item := range n.list {
			if i > 0 {
				b.WriteString(", ")
			}
			item.write(b, levelSum)
		}
		b.WriteByte(')')
	default:
		left := level
		if n.comparison() {
			left = levelSum // comparisons do not chain
		}
		n.left.write(b, left)
		b.WriteString(" " + symbols[n.op] + " ")
		n.right.write(b, max(level+1, left))
	}
}
