package replay

import (
	"context"
	"io"
)

// interruptible reads from something whose Read may block for ever, such as standard input: its own read returns
// when a context ends. It has at most one goroutine, which starts with the first read. It ends with close, but not
// before the Read that it is in has returned, as nothing can interrupt that. What the Read brings is not lost: the
// next read has it, also after close.
type interruptible struct {
	from  io.Reader
	want  chan []byte // nil while there is no goroutine to ask
	got   chan outcome
	busy  bool // an outcome is still to come
	chunk []byte
	rest  []byte // of chunk, not yet taken
	err   error  // after rest
}

type outcome struct {
	n   int
	err error
}

// read is like Read of an io.Reader, and returns ctx's error where ctx ends first.
func (p *interruptible) read(ctx context.Context, into []byte) (int, error) {
	if len(p.rest) == 0 && p.err == nil {
		if err := p.fetch(ctx); err != nil {
			return 0, err
		}
	}
	n := copy(into, p.rest)
	if p.rest = p.rest[n:]; len(p.rest) > 0 {
		return n, nil
	}
	return n, p.err
}

func (p *interruptible) fetch(ctx context.Context) error {
	if !p.busy {
		if p.want == nil {
			p.chunk = make([]byte, 64<<10)
			p.want, p.got = make(chan []byte, 1), make(chan outcome, 1)
			go pump(p.from, p.want, p.got)
		}
		p.want <- p.chunk
		p.busy = true
	}
	select {
	case o := <-p.got:
		p.busy, p.rest, p.err = false, p.chunk[:o.n], o.err
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pump reads each time that it is asked to, until want is closed. got has room for the one outcome.
func pump(from io.Reader, want <-chan []byte, got chan<- outcome) {
	for into := range want {
		n, err := from.Read(into)
		got <- outcome{n, err}
	}
}

func (p *interruptible) close() {
	if p.want != nil {
		close(p.want)
		p.want = nil
	}
}
