package listener

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// unpackers are at rest between two requests.
var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readBody reads a request's body into memory that is lent, and decompresses it. Where it cannot, it
// returns the answer for the client.
func (l *Listener) readBody(w http.ResponseWriter, r *http.Request) ([]byte, answer) {
	limit := int(l.config.MaxBody)
	if r.ContentLength > int64(limit) {
		return nil, tooLarge(limit)
	}
	raw := http.MaxBytesReader(w, r.Body, int64(limit))
	var from io.Reader = raw
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		z := unpackers.Get().(*gzip.Reader)
		defer unpackers.Put(z)
		if err := z.Reset(raw); err != nil {
			if errors.Is(err, io.EOF) {
				return nil, answer{} // nothing at all is no gzip, and no lines
			}
			return nil, l.bodyFault(err)
		}
		from = z
	default:
		return nil, refusal(http.StatusUnsupportedMediaType, "the content encoding is neither gzip nor identity")
	}
	return l.readAll(from, limit)
}

// readAll reads up to limit bytes.
func (l *Listener) readAll(from io.Reader, limit int) ([]byte, answer) {
	data := l.memory.borrow(l.memory.limit)
	if data == nil {
		return nil, busy(noMemory)
	}
	for {
		if len(data) == cap(data) {
			larger := l.memory.grow(data, max(limit+1, cap(data)+1))
			if larger == nil {
				l.memory.giveBack(data)
				return nil, busy(noMemory)
			}
			data = larger
		}
		n, err := from.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case len(data) > limit:
			l.memory.giveBack(data)
			return nil, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return data, answer{}
		case err != nil:
			l.memory.giveBack(data)
			return nil, l.bodyFault(err)
		}
	}
}

const noMemory = "more is being received than there is memory for: see `buffer`"

func tooLarge(limit int) answer {
	return refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than max_body, %d bytes", limit))
}

// bodyFault is the answer to a body that cannot be read to its end.
func (l *Listener) bodyFault(err error) answer {
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return tooLarge(int(l.config.MaxBody))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusal(http.StatusRequestTimeout, fmt.Sprintf("the body took longer than read_timeout, %v", l.config.ReadTimeout))
	}
	return refusal(http.StatusBadRequest, fmt.Sprintf("read the body: %v", err))
}
