package nvidiasmi

import (
	"bytes"
	"time"
)

// frame is some rows of a stream, most often one of each GPU. It goes from the goroutine that follows
// nvidia-smi to the one that reads, and back to be filled again.
type frame struct {
	plan *plan
	text []byte
	rows []frameRow
}

type frameRow struct {
	from, to int   // in text
	at       int64 // when it arrived, in Unix nanoseconds
	round    int
	whole    bool // the round before it came to its end
}

func (f *frame) reset() { f.plan, f.text, f.rows = nil, f.text[:0], f.rows[:0] }

// framer cuts a stream of rows into frames. Nothing in the stream says where one ends. It ends when a GPU
// comes a second time, or when nothing follows for a while: for quiet when all GPUs of the round before
// have come, for hold when some have not. So a frame is never late by a whole interval.
type framer struct {
	quiet, hold time.Duration

	plan     *plan
	frame    *frame
	round    int
	whole    bool // the round before this one came to its end
	count    int  // rows of this round
	expected int  // rows of the round before
	seen     []byte
	ends     []int // of the identities in seen
	last     time.Time
}

// start begins with a new nvidia-smi. Its rows are no continuation of the round before.
func (fr *framer) start(p *plan, f *frame) {
	fr.plan, fr.frame = p, f
	fr.frame.reset()
	fr.frame.plan = p
	fr.turn(false)
}

// turn begins a new round. whole says that the round before it came to its end.
func (fr *framer) turn(whole bool) {
	if whole {
		fr.expected = fr.count
	}
	fr.round, fr.whole, fr.count = fr.round+1, whole, 0
	fr.seen, fr.ends = fr.seen[:0], fr.ends[:0]
}

// turns reports whether a row, which is for the GPU called id, is the first of a new round. id is empty
// where a lost GPU has even lost its name.
func (fr *framer) turns(id []byte, now time.Time) bool {
	switch {
	case fr.count == 0:
		return false
	case len(id) == 0:
		return fr.expected > 0 && fr.count >= fr.expected || now.Sub(fr.last) > fr.hold
	}
	from := 0
	for _, to := range fr.ends {
		if bytes.Equal(fr.seen[from:to], id) {
			return true
		}
		from = to
	}
	return false
}

// add adds a row to the frame.
func (fr *framer) add(line, id []byte, now time.Time, at int64) {
	if len(id) > 0 {
		fr.seen = append(fr.seen, id...)
		fr.ends = append(fr.ends, len(fr.seen))
	}
	fr.count++
	fr.last = now
	f := fr.frame
	from := len(f.text)
	f.text = append(f.text, line...)
	f.rows = append(f.rows, frameRow{from, len(f.text), at, fr.round, fr.whole})
}

// due returns when the frame is to be handed over if nothing follows, and false while it is empty.
func (fr *framer) due() (time.Time, bool) {
	if len(fr.frame.rows) == 0 {
		return time.Time{}, false
	}
	if fr.count >= fr.expected {
		return fr.last.Add(fr.quiet), true
	}
	return fr.last.Add(fr.hold), true
}

// identityOf returns what tells the GPU of a row from the others: its UUID, or its index, or nothing.
func identityOf(cells *[identityColumns][]byte) []byte {
	if uuid, ok := word(cells[columnUUID]); ok {
		return uuid
	}
	if index := cells[columnIndex]; isDigits(index) {
		return index
	}
	return nil
}
