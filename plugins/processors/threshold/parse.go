package threshold

import "fmt"

const (
	maxLength = 4096 // bytes of an expression
	maxDepth  = 64   // of parentheses, of not and of minus signs
)

// parser is a parser by recursive descent; README.md has the grammar.
type parser struct {
	lexer lexer
	token token // the next one
	depth int
}

// parse returns the tree of an expression, or what is wrong with it.
func parse(text string) (*node, *fault) {
	start := place{1, 1}
	if len(text) > maxLength {
		return nil, &fault{start, fmt.Sprintf("is longer than %d bytes", maxLength), "make several rules of it"}
	}
	p := &parser{lexer: lexer{rest: text, place: start}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.unexpected(n)
	}
	return n, nil
}

func (p *parser) advance() *fault {
	var err *fault
	p.token, err = p.lexer.next()
	return err
}

// unexpected is the fault of a token that cannot follow n.
func (p *parser) unexpected(n *node) *fault {
	f := &fault{place: p.token.place, problem: p.token.shown() + " cannot stand here"}
	switch {
	case p.is(")"):
		f.problem = "`)` closes nothing"
	case n != nil && p.is("for"):
		f.remedy = "it is a key of the rule: write for = \"2m\" below"
	case n != nil && n.comparison() && p.token.kind == tokenSign:
		f.remedy = "join comparisons with `and`"
	case n != nil:
		f.remedy = "an operator is missing before it"
	}
	return f
}

func (p *parser) is(text string) bool {
	return (p.token.kind == tokenSign || p.token.kind == tokenName) && p.token.text == text
}

// accept passes over a sign or a word, if it is next.
func (p *parser) accept(text string) (bool, *fault) {
	if !p.is(text) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) or() (*node, *fault)  { return p.chain(opOr, p.and) }
func (p *parser) and() (*node, *fault) { return p.chain(opAnd, p.not) }

func (p *parser) sum() (*node, *fault)     { return p.chain2(opAdd, opSubtract, p.product) }
func (p *parser) product() (*node, *fault) { return p.chain2(opMultiply, opDivide, p.negation) }

func (p *parser) chain(op operator, operand func() (*node, *fault)) (*node, *fault) {
	return p.chain2(op, op, operand)
}

// chain2 parses operands with operators of one precedence between them.
func (p *parser) chain2(one, other operator, operand func() (*node, *fault)) (*node, *fault) {
	left, err := operand()
	for err == nil {
		op := one
		if !p.is(symbols[one]) {
			if op = other; !p.is(symbols[other]) {
				return left, nil
			}
		}
		n := &node{place: p.token.place, op: op, left: left}
		if err = p.advance(); err == nil {
			n.right, err = operand()
		}
		left = n
	}
	return nil, err
}

// deeper bounds the recursion.
func (p *parser) deeper() *fault {
	if p.depth++; p.depth > maxDepth {
		return &fault{p.token.place, "this nests too deep", "make several rules of it"}
	}
	return nil
}

func (p *parser) not() (*node, *fault) {
	if !p.is("not") {
		return p.comparison()
	}
	return p.prefix(opNot, p.not)
}

func (p *parser) negation() (*node, *fault) {
	if !p.is("-") {
		return p.operand()
	}
	return p.prefix(opNegate, p.negation)
}

func (p *parser) prefix(op operator, operand func() (*node, *fault)) (*node, *fault) {
	n := &node{place: p.token.place, op: op}
	err := p.deeper()
	if err == nil {
		err = p.advance()
	}
	if err == nil {
		n.left, err = operand()
	}
	p.depth--
	return n, err
}

func (p *parser) comparison() (*node, *fault) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	for op := opLess; op <= opHas; op++ {
		if !p.is(symbols[op]) {
			continue
		}
		n := &node{place: p.token.place, op: op, left: left}
		if err := p.advance(); err != nil {
			return nil, err
		}
		if op == opIn {
			n.list, err = p.items()
		} else {
			n.right, err = p.sum()
		}
		return n, err
	}
	return left, nil
}

// items parses the list after in.
func (p *parser) items() ([]*node, *fault) {
	open, err := p.accept("(")
	if err != nil {
		return nil, err
	}
	if !open {
		return nil, &fault{p.token.place, "a list must follow `in`, not " + p.token.shown(), "write it as `in (48, 79)`"}
	}
	var list []*node
	for {
		item, err := p.sum()
		if err != nil {
			return nil, err
		}
		list = append(list, item)
		if more, err := p.accept(","); err != nil {
			return nil, err
		} else if !more {
			return list, p.close()
		}
	}
}

func (p *parser) close() *fault {
	closed, err := p.accept(")")
	if err == nil && !closed {
		err = &fault{p.token.place, "a `)` is missing before " + p.token.shown(), ""}
	}
	return err
}

func (p *parser) operand() (*node, *fault) {
	t := p.token
	n := &node{place: t.place, text: t.text}
	switch {
	case p.is("("):
		return p.group()
	case t.kind == tokenNumber:
		n.op, n.number, n.unit = opNumber, t.number, t.unit
	case p.is("true"):
		n.op, n.number = opNumber, 1
	case p.is("false"):
		n.op = opNumber
	case t.kind == tokenText:
		n.op = opText
	case t.kind == tokenName && !words[t.text]:
		n.op = opName
	case t.kind == tokenEnd:
		return nil, &fault{t.place, "a field or a number is missing at the end", ""}
	default:
		return nil, &fault{t.place, t.shown() + " cannot stand where a field or a number is expected", ""}
	}
	return n, p.advance()
}

func (p *parser) group() (*node, *fault) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err == nil {
		err = p.close()
	}
	p.depth--
	return n, err
}
