package isolate

import (
	"io"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// outbox is the child's standard output. It lets rows wait for others, so that an input that reads each
// 10 ms wakes the agent four times a second and not a hundred.
type outbox struct {
	coalesce time.Duration
	broken   chan struct{} // closed once writing has failed: nobody reads any more

	mu      sync.Mutex
	w       io.Writer
	closed  bool
	buf     []byte
	waiting *sdk.Batch
	mark    []byte      // behind what has been put
	failure fault       // the first since the last message
	told    string      // the text of the last failure that was sent; "" once a call has worked
	timer   *time.Timer // sends what waits, also while a call hangs
	sent    time.Time   // when the last rows went
}

const fullBatch = 1 << 20 // bytes of rows that wait for no others

func newOutbox(w io.Writer, coalesce time.Duration, c *sdk.Catalog) *outbox {
	o := &outbox{coalesce: coalesce, broken: make(chan struct{}), w: w, waiting: sdk.NewBatch(c)}
	o.timer = time.AfterFunc(time.Hour, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flush()
	})
	o.timer.Stop()
	return o
}

// stop ends the waiting for good.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer.Stop()
}

// put takes what a call has read, and empties b. mark is where a child after this one goes on. next is the time until
// the next call: rows that cannot wait so long go at once. So does an error that the agent has not been told.
func (o *outbox) put(b *sdk.Batch, mark []byte, f fault, next time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer b.Reset()
	o.mark = append(o.mark[:0], mark...)
	news := f.class != classNone && f.text != o.told
	if f.class == classNone {
		o.told = ""
	}
	if o.failure.class == classNone {
		o.failure = f
	}
	idle := o.waiting.Len() == 0 && isZero(o.waiting.Tally())
	switch wait := o.coalesce - time.Since(o.sent) - max(next, 0); {
	case b.Len() == 0 && isZero(b.Tally()) && f.class == classNone:
	case !news && wait > 0 && b.Bytes()+o.waiting.Bytes() < fullBatch:
		if idle {
			o.timer.Reset(o.coalesce - time.Since(o.sent))
		}
		carry(o.waiting, b)
	case idle:
		o.send(b)
	default:
		carry(o.waiting, b)
		o.flush()
	}
}

// carry appends the rows of from to b, and its tally as it is.
func carry(b, from *sdk.Batch) {
	added := b.Tally().Added
	for m := range from.All() {
		b.Copy(m)
	}
	b.Tally().Added = added
	b.Tally().Plus(from.Tally())
}

func isZero(t *sdk.Tally) bool {
	return t.Added == 0 && t.Absorbed == 0 && t.Filtered == 0 && t.Merged == 0 && t.Conflict == 0 && len(t.Drops) == 0
}

// flush sends what waits.
func (o *outbox) flush() {
	o.timer.Stop()
	if o.waiting.Len() > 0 || !isZero(o.waiting.Tally()) || o.failure.class != classNone {
		o.send(o.waiting)
		o.waiting.Reset()
	}
}

func (o *outbox) send(b *sdk.Batch) {
	o.buf = appendRows(o.buf[:0], b, o.mark, o.failure)
	if len(o.buf) > headerSize+maxRows {
		for m := range b.Rows() {
			b.Drop(m, sdk.DropInvalid)
		}
		o.buf = appendRows(o.buf[:0], b, o.mark, fault{classOther, "one call has read more than a message holds; it was dropped"})
	}
	if o.failure.class != classNone {
		o.told = o.failure.text
	}
	o.failure, o.sent = fault{}, time.Now()
	o.write()
}

// write writes buf, in one piece.
func (o *outbox) write() {
	if o.closed {
		return
	}
	if _, err := o.w.Write(o.buf); err != nil {
		o.closed = true
		close(o.broken)
	}
	if cap(o.buf) > 4*fullBatch {
		o.buf = nil
	}
}

// message sends what f appends, if it appends anything.
func (o *outbox) message(f func(dst []byte) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf = f(o.buf[:0]); len(o.buf) > 0 {
		o.write()
	}
}

// end sends what waits and the last message: nothing follows.
func (o *outbox) end(f fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
	o.buf = appendEnded(o.buf[:0], f)
	o.write()
	o.closed = true
}
