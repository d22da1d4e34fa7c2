package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const (
	chunkSize   = 256 << 10 // read at once
	maxLine     = 1 << 20   // a longer line is left out
	namedErrors = 5         // so many bad lines of a file are named in the log, the rest counted
)

var errLongLine = fmt.Errorf("line is longer than %d bytes", maxLine)

// file is a file that is being read.
type file struct {
	name  string
	read  func(ctx context.Context, p []byte) (int, error)
	close func() error
	// report takes a bad line; it is called for the first few of them, while bad counts all.
	report func(lineprotocol.LineError)

	buf    []byte
	data   []byte // the part of buf that is still to be decoded
	err    error  // after data; io.EOF at the end
	within bool   // a line that is too long: its end is to come
	line   int    // lines gone through
	bad    int
}

// openFile opens a file, or standard input for "-". It lends buf to it.
func openFile(name string, stdin *patient, buf []byte, report func(lineprotocol.LineError)) (*file, error) {
	if name == "-" {
		return &file{name: "standard input", read: stdin.read, close: func() error { return nil }, buf: buf, report: report}, nil
	}
	opened, err := os.Open(name)
	if err != nil {
		return nil, err // names the file
	}
	from := &unpacked{raw: opened, gzip: strings.HasSuffix(name, ".gz")}
	read := func(_ context.Context, p []byte) (int, error) { return from.Read(p) }
	return &file{name: name, read: read, close: opened.Close, buf: buf, report: report}, nil
}

// decode decodes up to limit metrics into b, and reads on where data holds no whole line. It returns the
// number of metrics; 0 means that the file has ended, with f.err, or that ctx has.
func (f *file) decode(ctx context.Context, d *lineprotocol.Decoder, b *sdk.Batch, now func() time.Time, limit int) int {
	for ctx.Err() == nil {
		if f.within {
			f.skipLine()
		}
		p := f.decodeData(d, b, now().UnixNano(), limit)
		if p.Metrics > 0 || f.err != nil && len(f.data) == 0 {
			return p.Metrics
		}
		if p.Bytes == 0 && f.err == nil {
			f.fill(ctx)
		}
	}
	return 0
}

func (f *file) decodeData(d *lineprotocol.Decoder, b *sdk.Batch, now int64, limit int) lineprotocol.Progress {
	p, err := d.DecodeSome(b, f.data, now, limit, f.err == nil)
	if p.Bytes == 0 && len(f.data) > maxLine {
		// A line that is too long, or a quoted string that does not end: that costs its first line.
		end := bytes.LastIndexByte(f.data, '\n') + 1
		if end == 0 {
			f.refuse(lineprotocol.LineError{Line: 1, Column: 1, Err: errLongLine})
			f.line++
			f.data, f.within = nil, true
			return p
		}
		p, err = d.DecodeSome(b, f.data[:end], now, limit, false)
	}
	if bad := (*lineprotocol.DecodeError)(nil); errors.As(err, &bad) {
		for _, l := range bad.Lines {
			f.refuse(l)
		}
		f.bad += bad.Count - len(bad.Lines)
	}
	f.line += p.Lines
	f.data = f.data[p.Bytes:]
	return p
}

// refuse counts a bad line, which stands so many lines behind those gone through.
func (f *file) refuse(l lineprotocol.LineError) {
	f.bad++
	if f.bad <= namedErrors {
		l.Line += f.line
		f.report(l)
	}
}

// fill reads more behind data.
func (f *file) fill(ctx context.Context) {
	switch {
	case len(f.buf) == 0:
		f.buf = make([]byte, chunkSize)
	case len(f.data) == len(f.buf):
		larger := make([]byte, min(2*len(f.buf), maxLine+1))
		f.data = larger[:copy(larger, f.data)]
		f.buf = larger
	default:
		f.data = f.buf[:copy(f.buf, f.data)]
	}
	n, err := f.read(ctx, f.buf[len(f.data):])
	f.data = f.buf[:len(f.data)+n]
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return
	}
	f.err = err
	if !errors.Is(err, io.EOF) && !f.within { // the last line was cut
		end := bytes.LastIndexByte(f.data, '\n') + 1
		if end < len(f.data) {
			f.bad++
		}
		f.data = f.data[:end]
	}
}

// skipLine drops data up to the end of a line.
func (f *file) skipLine() {
	if end := bytes.IndexByte(f.data, '\n'); end >= 0 {
		f.data, f.within = f.data[end+1:], false
	} else {
		f.data = nil
	}
}

// fault returns why the file ended early, or nil.
func (f *file) fault() error {
	if f.err == nil || errors.Is(f.err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read %s: %w", f.name, f.err)
}
