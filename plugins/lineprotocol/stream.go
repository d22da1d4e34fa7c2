package lineprotocol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Stream is line protocol that arrives in pieces: from a file, from a connection. Fill reads more, Decode
// decodes what is there; neither may run while the other does. Its memory is bounded: a line longer than
// MaxLine is refused. The zero value is a stream that nothing has been read of.
type Stream struct {
	// Report, where it is set, takes each bad line; its number is that within the stream. Of one Decode it
	// gets the first few, while Bad counts all.
	Report func(LineError)

	// Room, where it is set, is asked before the stream takes so many bytes more for a long line. Where it says no the
	// line is refused. It is called with a negative number when the stream gives bytes back.
	Room func(bytes int) bool

	buf    []byte
	data   []byte // the part of buf that is still to be decoded
	err    error  // after data; io.EOF at the end
	within bool   // in the middle of a line that is too long and was refused
	full   bool   // there is no room for the rest of a line
	line   int    // lines read so far, bad ones included
	bad    int
}

// MaxLine is the most bytes that a line of a [Stream] may have.
const MaxLine = 1 << 20

const chunkSize = 256 << 10 // read at once

var (
	errLongLine = fmt.Errorf("line is longer than %d bytes", MaxLine)
	errNoRoom   = errors.New("there is no memory for a line of that length now")
)

// Lend gives the stream memory to read into, such as that of a stream which has ended.
func (s *Stream) Lend(buf []byte) { s.buf = buf }

// Buffer returns the memory that the stream reads into, for the next one.
func (s *Stream) Buffer() []byte { return s.buf }

// Resize has the stream read into a buffer of another size, where there is room for that and for what is still to be
// decoded.
func (s *Stream) Resize(size int) {
	if len(s.data) >= size || !s.room(size-len(s.buf)) {
		return
	}
	other := make([]byte, size)
	s.data = other[:copy(other, s.data)]
	s.buf = other
}

func (s *Stream) room(bytes int) bool { return s.Room == nil || s.Room(bytes) }

// Bad returns how many lines were refused so far.
func (s *Stream) Bad() int { return s.bad }

// Ended reports whether all was read and decoded.
func (s *Stream) Ended() bool { return s.err != nil && len(s.data) == 0 }

// Err returns why reading ended; io.EOF where the stream did.
func (s *Stream) Err() error { return s.err }

// Decode adds up to limit metrics of what has been read to b. Where it goes through no byte, Fill must
// read more, or the stream has ended. Lines without a time stamp get the time now.
func (s *Stream) Decode(d *Decoder, b *sdk.Batch, now int64, limit int) Progress {
	if s.within {
		s.skipLine()
	}
	p, err := d.DecodeSome(b, s.data, now, limit, s.err == nil)
	if p.Bytes == 0 && (len(s.data) > MaxLine || s.full) {
		// A line that is too long, or a quoted string that does not end: that costs its first line.
		end := bytes.LastIndexByte(s.data, '\n') + 1
		if end == 0 {
			why := errLongLine
			if s.full {
				why = errNoRoom
			}
			s.refuse(LineError{Line: 1, Column: 1, Err: why})
			s.line++
			s.data, s.within, s.full = nil, true, false
			return p
		}
		s.full = false
		p, err = d.DecodeSome(b, s.data[:end], now, limit, false)
	}
	if bad, ok := errors.AsType[*DecodeError](err); ok {
		for _, l := range bad.Lines {
			s.refuse(l)
		}
		s.bad += bad.Count - len(bad.Lines)
	}
	s.line += p.Lines
	s.data = s.data[p.Bytes:]
	return p
}

// refuse counts and reports a bad line, which l numbers from the lines read so far.
func (s *Stream) refuse(l LineError) {
	s.bad++
	if s.Report != nil {
		l.Line += s.line
		s.Report(l)
	}
}

// Fill reads more behind what there is. An error of read's ends the stream, except that of ctx.
func (s *Stream) Fill(ctx context.Context, read func(ctx context.Context, p []byte) (int, error)) {
	switch {
	case len(s.buf) == 0:
		s.buf = make([]byte, chunkSize)
	case len(s.data) == len(s.buf):
		if s.Resize(min(2*len(s.buf), MaxLine+1)); len(s.data) == len(s.buf) {
			s.full = true
			return
		}
	default:
		s.data = s.buf[:copy(s.buf, s.data)]
	}
	n, err := read(ctx, s.buf[len(s.data):])
	s.data = s.buf[:len(s.data)+n]
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return
	}
	s.err = err
	if !errors.Is(err, io.EOF) && !s.within { // the last line was cut
		end := bytes.LastIndexByte(s.data, '\n') + 1
		if end < len(s.data) {
			s.bad++
		}
		s.data = s.data[:end]
	}
}

// skipLine drops data up to the end of a line.
func (s *Stream) skipLine() {
	if end := bytes.IndexByte(s.data, '\n'); end >= 0 {
		s.data, s.within = s.data[end+1:], false
	} else {
		s.data = nil
	}
}
