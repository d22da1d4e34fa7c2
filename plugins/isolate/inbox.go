package isolate

import (
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// inbox holds what children have sent and the engine has not read, in order.
type inbox struct {
	filled chan struct{} // holds a token while there may be something

	mu      sync.Mutex
	items   []item
	bytes   int        // of the items' messages
	spare   [][]byte   // memory for messages to come
	dropped sdk.Tally  // of rows that the next batch accounts for
	scratch *sdk.Batch // rows that are being dropped; empty between calls
	last    error      // what take returns once there are no items left, however often it is called
}

// item is a message of rows or, without from, an error.
type item struct {
	from    *session
	message []byte // that rows lie in
	rows    rows
	err     error
}

const (
	maxWaiting  = 4 << 20 // bytes
	maxItems    = 256
	spares      = 4
	largestKept = 1 << 20
)

func (i *inbox) reset(c *sdk.Catalog) {
	*i = inbox{filled: make(chan struct{}, 1), scratch: sdk.NewBatch(c)}
}

// put adds an item, in place of the oldest where there is no room. The error says what is wrong with rows
// that were dropped.
func (i *inbox) put(it item) (err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.items = append(i.items, it)
	i.bytes += len(it.message)
	for len(i.items) > 1 && (i.bytes > maxWaiting || len(i.items) > maxItems) {
		oldest := i.pop()
		if oldest.from == nil {
			continue
		}
		if _, failed := record.Decode(oldest.rows.frame, i.scratch); failed != nil {
			err = failed
		}
		for m := range i.scratch.Rows() {
			i.scratch.Drop(m, sdk.DropQueueFull)
		}
		i.scratch.TakeTally(&i.dropped)
		i.scratch.Reset()
		i.keep(oldest.message)
	}
	i.wake()
	return err
}

// take returns the oldest item, and adds to b's tally what was dropped before it.
func (i *inbox) take(b *sdk.Batch) (item, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.items) == 0 {
		return item{err: i.last}, i.last != nil
	}
	b.Tally().Plus(&i.dropped)
	i.dropped.Reset()
	it := i.pop()
	if len(i.items) > 0 || i.last != nil {
		i.wake()
	}
	return it, true
}

func (i *inbox) pop() item {
	it := i.items[0]
	n := copy(i.items, i.items[1:])
	i.items[n] = item{}
	i.items = i.items[:n]
	i.bytes -= len(it.message)
	return it
}

// end makes err the last word.
func (i *inbox) end(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = err
	i.wake()
}

func (i *inbox) wake() {
	select {
	case i.filled <- struct{}{}:
	default:
	}
}

// buffer returns memory for a message.
func (i *inbox) buffer() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.spare)
	if n == 0 {
		return nil
	}
	b := i.spare[n-1]
	i.spare = i.spare[:n-1]
	return b
}

func (i *inbox) recycle(message []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keep(message)
}

func (i *inbox) keep(message []byte) {
	if len(i.spare) < spares && cap(message) <= largestKept {
		i.spare = append(i.spare, message[:0])
	}
}
