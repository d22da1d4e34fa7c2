package threshold

import (
	"math"
	"slices"
)

// cell holds the last value of one field, or of one tag, of a subject.
type cell struct {
	number   float64
	text     string
	time     int64  // of the row that it came from
	row      uint64 // which row of the subject that was
	has      bool
	constant bool // a tag: it never ages
}

// column is what a cell is for.
type column struct {
	name string
	text bool
}

// program is a compiled condition: instructions for a stack of numbers, in which 1 is true and 0 false.
type program struct {
	code  []instruction
	cells []int // that it reads, each once, in the order of the text
	depth int   // of the stack
}

type instruction struct {
	op     opcode
	cell   int
	to     int // of a jump
	number float64
	text   string
}

type opcode uint8

const (
	pushNumber opcode = iota
	pushCell
	negate
	add
	subtract
	multiply
	divide
	less
	lessEqual
	greater
	greaterEqual
	equal
	notEqual
	hasBits      // number: the bits
	textEqual    // of a cell and text
	textNotEqual //
	invert
	jumpIfTrue  // or else forget the top
	jumpIfFalse // or else forget the top
)

// truth is what becomes of a condition.
type truth uint8

const (
	no truth = iota
	yes
	undefined // a number in it is not finite, as after a division by zero
)

// run evaluates the program. stack has room for its depth. All cells that it reads have a value.
func (p *program) run(cells []cell, stack []float64) truth {
	top := -1
	for pc := 0; pc < len(p.code); pc++ {
		in := &p.code[pc]
		switch in.op {
		case pushNumber:
			top++
			stack[top] = in.number
		case pushCell:
			top++
			stack[top] = cells[in.cell].number
		case textEqual, textNotEqual:
			top++
			stack[top] = number((cells[in.cell].text == in.text) == (in.op == textEqual))
		case negate:
			stack[top] = -stack[top]
		case invert:
			stack[top] = 1 - stack[top]
		case hasBits:
			v := stack[top]
			if !(math.Abs(v) < 1<<63) {
				return undefined
			}
			stack[top] = number(int64(v)&int64(in.number) != 0)
		case jumpIfTrue, jumpIfFalse:
			if (stack[top] != 0) == (in.op == jumpIfTrue) {
				pc = in.to - 1
			} else {
				top--
			}
		default:
			top--
			a, b := stack[top], stack[top+1]
			if in.op >= less && !(finite(a) && finite(b)) {
				return undefined
			}
			stack[top] = compute(in.op, a, b)
		}
	}
	if stack[0] != 0 {
		return yes
	}
	return no
}

func compute(op opcode, a, b float64) float64 {
	switch op {
	case add:
		return a + b
	case subtract:
		return a - b
	case multiply:
		return a * b
	case divide:
		return a / b
	case less:
		return number(a < b)
	case lessEqual:
		return number(a <= b)
	case greater:
		return number(a > b)
	case greaterEqual:
		return number(a >= b)
	case equal:
		return number(a == b)
	}
	return number(a != b)
}

func finite(v float64) bool { return v-v == 0 }

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// compiler makes a program of a tree that a checker has found right.
type compiler struct {
	program
	columns *[]column // of the measurement; it adds those that it needs
	height  int       // of the stack at this point
}

func compile(n *node, columns *[]column) program {
	c := &compiler{columns: columns}
	c.node(n)
	return c.program
}

func (c *compiler) emit(in instruction, growth int) {
	c.code = append(c.code, in)
	c.height += growth
	c.depth = max(c.depth, c.height)
}

// cell returns the cell of a name.
func (c *compiler) cell(name string, text bool) int {
	col := column{name, text}
	i := slices.Index(*c.columns, col)
	if i < 0 {
		i = len(*c.columns)
		*c.columns = append(*c.columns, col)
	}
	if !slices.Contains(c.cells, i) {
		c.cells = append(c.cells, i)
	}
	return i
}

var opcodes = map[operator]opcode{
	opLess: less, opLessEqual: lessEqual, opGreater: greater, opGreaterEqual: greaterEqual, opEqual: equal,
	opNotEqual: notEqual, opAdd: add, opSubtract: subtract, opMultiply: multiply, opDivide: divide,
}

func (c *compiler) node(n *node) {
	switch n.op {
	case opNumber:
		c.emit(instruction{op: pushNumber, number: n.number}, 1)
	case opName:
		c.emit(instruction{op: pushCell, cell: c.cell(n.text, false)}, 1)
	case opNegate:
		c.node(n.left)
		c.emit(instruction{op: negate}, 0)
	case opNot:
		c.node(n.left)
		c.emit(instruction{op: invert}, 0)
	case opAnd:
		c.either(jumpIfFalse, func() { c.node(n.left) }, func() { c.node(n.right) })
	case opOr:
		c.either(jumpIfTrue, func() { c.node(n.left) }, func() { c.node(n.right) })
	case opHas:
		c.node(n.left)
		bits := n.right.number
		if n.right.op == opName {
			bits, _ = bitOf(n.left.text, n.right.text)
		}
		c.emit(instruction{op: hasBits, number: bits}, 0)
	case opIn:
		c.member(n.left, n.list)
	default:
		c.pair(n.op, n.left, n.right)
	}
}

// either evaluates the second operand only where the first does not decide.
func (c *compiler) either(jump opcode, first, second func()) {
	first()
	at := len(c.code)
	c.emit(instruction{op: jump}, -1)
	second()
	c.code[at].to = len(c.code)
}

// member is left == item or left == the next, and so on.
func (c *compiler) member(left *node, items []*node) {
	first := func() { c.pair(opEqual, left, items[0]) }
	if len(items) == 1 {
		first()
		return
	}
	c.either(jumpIfTrue, first, func() { c.member(left, items[1:]) })
}

func (c *compiler) pair(op operator, left, right *node) {
	if left.op == opText {
		left, right = right, left
	}
	if right.op == opText {
		code := textEqual
		if op == opNotEqual {
			code = textNotEqual
		}
		c.emit(instruction{op: code, cell: c.cell(left.text, true), text: right.text}, 1)
		return
	}
	c.node(left)
	c.node(right)
	c.emit(instruction{op: opcodes[op]}, -1)
}
