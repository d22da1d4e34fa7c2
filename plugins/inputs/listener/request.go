package listener

import (
	"bytes"
	"slices"
	"sync/atomic"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// request is a piece of what comes in: the body of an HTTP request, some datagrams, or what a connection has sent
// so far. It belongs to the goroutine that received it until it is put into the inbox, then to Read. Once it is
// answered, the receiver may look up what became of its lines.
type request struct {
	data      []byte
	pos       int // bytes of data that are decoded
	precision lineprotocol.Precision
	now       int64  // when it came
	marks     []mark // where each datagram ends; nil for other requests
	stream    *lineprotocol.Stream

	wide     bool // decode all of data at once
	line     int  // lines of data that are decoded
	taken    int  // metrics read
	capped   int  // of these, dropped because the catalog is full
	bad      lineprotocol.DecodeError
	answered chan error            // gets what became of it: for a stream from Read, else once held is 0
	held     atomic.Int32          // by Read, and by each batch with some of its lines
	err      atomic.Pointer[error] // the first that a batch was acknowledged with
}

// mark is the end of a datagram in a request's data, and when it came.
type mark struct {
	end int
	now int64
}

// newRequest returns a request that somebody waits for.
func newRequest(now int64, p lineprotocol.Precision) *request {
	r := &request{now: now, precision: p, answered: make(chan error, 1)}
	r.held.Store(1) // by Read, until it is decoded
	return r
}

// silent reports whether nobody learns what becomes of the request: its bad lines are counted as dropped.
func (r *request) silent() bool { return r.marks != nil || r.stream != nil }

// release lets go of a request. Once everybody has who held it, it is answered, with the first error.
func (r *request) release(err error) {
	if r.answered == nil {
		return
	}
	if err != nil {
		r.err.CompareAndSwap(nil, &err)
	}
	if r.held.Add(-1) > 0 {
		return
	}
	if first := r.err.Load(); first != nil {
		r.answered <- *first
		return
	}
	r.answered <- nil
}

// window is how much is decoded in one go. Between two windows Read looks at its context: a body of
// nothing but bad lines takes as long as it takes.
const window = 1 << 20

// decode adds up to limit metrics to b. It reports whether the request is decoded to its end.
func (r *request) decode(d *lineprotocol.Decoder, b *sdk.Batch, now func() int64, limit int) (n int, done bool) {
	d.SetPrecision(r.precision)
	before := capped(b)
	defer func() {
		r.taken += n
		r.capped += capped(b) - before
	}()
	if r.stream != nil {
		p := r.stream.Decode(d, b, now(), limit)
		return p.Metrics, p.Metrics < limit && (p.Bytes == 0 || r.stream.Ended())
	}
	end, at := r.piece()
	more := false
	if end-r.pos > window && !r.wide {
		end, more = r.pos+window, true
	}
	p, err := d.DecodeSome(b, r.data[r.pos:end], at, limit, more)
	r.refuse(err)
	r.wide = more && p.Bytes == 0 // an entry that is longer than the window
	r.pos += p.Bytes
	r.line += p.Lines
	return p.Metrics, r.pos == len(r.data)
}

// piece returns the end of the datagram at work, and when it came; without marks, those of the request.
func (r *request) piece() (end int, now int64) {
	for i, m := range r.marks {
		if m.end > r.pos {
			r.marks = r.marks[i:]
			return m.end, m.now
		}
	}
	return len(r.data), r.now
}

// refuse keeps what is wrong with the first bad lines, and counts all.
func (r *request) refuse(err error) {
	bad, ok := err.(*lineprotocol.DecodeError) //nolint:errorlint // what DecodeSome returns, or nil
	if !ok {
		return
	}
	r.bad.Count += bad.Count
	for _, l := range bad.Lines {
		if len(r.bad.Lines) < keptErrors {
			l.Line += r.line
			r.bad.Lines = append(r.bad.Lines, l)
		}
	}
}

// keptErrors is how many bad lines an answer names.
const keptErrors = 8

// capped returns how many metrics of b were dropped because the catalog is full.
func capped(b *sdk.Batch) int {
	drops := b.Tally().Drops
	i := slices.IndexFunc(drops, func(d sdk.Drop) bool { return d.Reason == sdk.DropSeriesCap })
	if i < 0 {
		return 0
	}
	return int(drops[i].Count)
}

// lines counts the lines in data, roughly: comments and empty ones too.
func lines(data []byte) int {
	n := bytes.Count(data, []byte{'\n'})
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	return n
}
