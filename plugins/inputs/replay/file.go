package replay

import (
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

const namedErrors = 5 // so many bad lines of a file are named in the log, the rest counted

// file is a file that is being read.
type file struct {
	name   string
	read   func(ctx context.Context, p []byte) (int, error)
	close  func() error
	stream lineprotocol.Stream
}

// openFile opens a file, or standard input for "-". It lends buf to it. report takes its first bad lines.
func openFile(name string, stdin *interruptible, buf []byte, report func(lineprotocol.LineError)) (*file, error) {
	f := &file{name: name}
	f.stream.Lend(buf)
	f.stream.Report = func(l lineprotocol.LineError) {
		if f.stream.Bad() <= namedErrors {
			report(l)
		}
	}
	if name == "-" {
		f.name, f.read, f.close = "standard input", stdin.read, func() error { return nil }
		return f, nil
	}
	if info, err := os.Stat(name); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		from := &fifo{name: name}
		reader := &interruptible{from: &unpacked{raw: from, gzip: strings.HasSuffix(name, ".gz")}}
		f.read, f.close = reader.read, func() error { reader.close(); return from.Close() }
		return f, nil
	}
	opened, err := os.Open(name)
	if err != nil {
		return nil, err // names the file
	}
	from := &unpacked{raw: opened, gzip: strings.HasSuffix(name, ".gz")}
	f.read = func(_ context.Context, p []byte) (int, error) { return from.Read(p) }
	f.close = opened.Close
	return f, nil
}

// decode decodes up to limit metrics into b, and reads on where there is no whole line. It returns the
// number of metrics; 0 means that the file has ended, or that ctx has.
func (f *file) decode(ctx context.Context, d *lineprotocol.Decoder, b *sdk.Batch, now func() time.Time, limit int) int {
	for ctx.Err() == nil {
		p := f.stream.Decode(d, b, now().UnixNano(), limit)
		if p.Metrics > 0 || f.stream.Ended() {
			return p.Metrics
		}
		if p.Bytes == 0 && f.stream.Err() == nil {
			f.stream.Fill(ctx, f.read)
		}
	}
	return 0
}

// fault returns why the file ended early, or nil.
func (f *file) fault() error {
	err := f.stream.Err()
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("read %s: %w", f.name, err)
}
