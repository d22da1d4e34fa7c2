package influxdb

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// packer compresses bodies into one buffer.
type packer struct {
	buffer bytes.Buffer
	writer *gzip.Writer
}

// pack returns text compressed, valid until the next call.
func (p *packer) pack(text []byte) ([]byte, error) {
	p.buffer.Reset()
	if p.writer == nil {
		p.writer, _ = gzip.NewWriterLevel(&p.buffer, gzip.BestSpeed) // the level is one
	} else {
		p.writer.Reset(&p.buffer)
	}
	if _, err := p.writer.Write(text); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := p.writer.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return p.buffer.Bytes(), nil
}

// loan lends a body to the HTTP client, which may go on reading after it has returned: a server can answer, and
// a context can end, before a body is through. After end nothing reads it, and its memory can be used again.
type loan struct {
	mu   sync.Mutex
	data []byte
	over bool
}

func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data, l.over = nil, true
}

// body returns a reader from the start on.
func (l *loan) body() (io.ReadCloser, error) { return &loanReader{loan: l}, nil }

type loanReader struct {
	loan *loan
	at   int
}

func (r *loanReader) Read(p []byte) (int, error) {
	r.loan.mu.Lock()
	defer r.loan.mu.Unlock()
	switch {
	case r.loan.over:
		return 0, io.ErrClosedPipe
	case r.at == len(r.loan.data):
		return 0, io.EOF
	}
	n := copy(p, r.loan.data[r.at:])
	r.at += n
	return n, nil
}

func (r *loanReader) Close() error { return nil }
