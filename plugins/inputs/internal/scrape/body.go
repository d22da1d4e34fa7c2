package scrape

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
)

const (
	firstGuess   = 64 << 10 // bytes that a buffer for a page begins with
	maxPacked    = 16 << 10 // bytes that are read of an error's page
	maxComplaint = 200      // bytes of its text that are quoted
)

var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// unpack returns what reads the content of an answer, of which no more than limit bytes come over the network.
// release is to be called once it has been read.
func unpack(answer *http.Response, limit int) (content io.Reader, release func(), err error) {
	content, release = io.LimitReader(answer.Body, int64(limit)+1), func() {}
	switch encoding := answer.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z := unpackers.Get().(*gzip.Reader)
		release = func() { unpackers.Put(z) }
		if err := z.Reset(content); err != nil {
			release()
			return nil, nil, fmt.Errorf("decompress: %w", err)
		}
		content = z
	default:
		return nil, nil, fmt.Errorf("content encoding %.20q is neither gzip nor identity", encoding)
	}
	return content, release, nil
}

// readUpTo appends all that is read to into, up to limit bytes.
func readUpTo(from io.Reader, into []byte, limit int) ([]byte, error) {
	for {
		if len(into) == cap(into) {
			into = append(make([]byte, 0, min(max(2*cap(into), firstGuess), max(limit+1, cap(into)+1))), into...)
		}
		n, err := from.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		switch {
		case len(into) > limit:
			return into, fmt.Errorf("the page is larger than `max_body`, %d bytes", limit)
		case errors.Is(err, io.EOF):
			return into, nil
		case err != nil:
			return into, fmt.Errorf("read the page: %w", err)
		}
	}
}

// refusal says what an operator can do about an answer that is no page, and the first line of its text.
func refusal(answer *http.Response) error {
	text := "status " + answer.Status
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += ": set `user` and `password`, or `bearer_token`"
	case http.StatusNotFound:
		text += ": is the path right?"
	}
	content, release, err := unpack(answer, maxPacked)
	if err != nil {
		return errors.New(text)
	}
	defer release()
	body, _ := io.ReadAll(io.LimitReader(content, maxComplaint)) // what has come is quoted, also where it was cut
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	if tlsclient.RefusesPlain(body) {
		return errors.New(text + ": " + tlsclient.WantsTLS)
	}
	if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '<' {
		text += fmt.Sprintf("; it said: %q", strings.ToValidUTF8(string(line), "�"))
	}
	return errors.New(text)
}
