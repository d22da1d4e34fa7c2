package dcgm

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const idleTimeout = 5 * time.Minute

var errEmpty = errors.New("it is empty: dcgm-exporter has not collected yet, or sees no GPU")

func (c *Config) header() http.Header {
	h := http.Header{
		"User-Agent": {"gpuline"},
		"Accept":     {"text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"},
	}
	switch {
	case !c.BearerToken.Empty():
		h.Set("Authorization", "Bearer "+c.BearerToken.Reveal())
	case c.User != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password.Reveal())))
	}
	return h
}

// stay follows a redirect that keeps host and scheme. Any other would take the credentials to somebody else.
func stay(next *http.Request, before []*http.Request) error {
	first := before[0]
	if next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || len(before) > 3 {
		return http.ErrUseLastResponse
	}
	return nil
}

// fetch reads the page into x.page, and returns when its answer began, in Unix nanoseconds.
func (x *exporter) fetch(ctx context.Context) (at int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, x.config.URL, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("read dcgm-exporter's page: %w", err)
	}
	request.Header = x.header
	answer, err := x.client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return 0, fmt.Errorf("read %s: %w", x.config.URL, err)
	}
	defer func() { _ = answer.Body.Close() }()
	at = x.env.Now().UnixNano()
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	x.scanner.OpenMetrics = kind == "application/openmetrics-text"
	limit := int64(x.config.MaxBody)
	if answer.StatusCode != http.StatusOK {
		limit = maxComplaint
	}
	x.page, err = readAll(x.page[:0], io.LimitReader(answer.Body, limit+1))
	switch {
	case answer.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("read %s: %s%s", x.config.URL, answer.Status, complaint(answer.StatusCode, x.page))
	case err != nil:
		return 0, fmt.Errorf("read %s: %w", x.config.URL, err)
	case int64(len(x.page)) > limit:
		return 0, fmt.Errorf("read %s: the page has more than `max_body` = %d bytes", x.config.URL, limit)
	}
	return at, nil
}

// readAll appends what comes from r to buf, and keeps its room for the next page.
func readAll(buf []byte, r io.Reader) ([]byte, error) {
	for {
		buf = slices.Grow(buf, 16<<10)
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

const maxComplaint = 200

// complaint says what an operator can do about an answer, and the first line of its text.
func complaint(status int, body []byte) string {
	text := ""
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		text = ": set `bearer_token`, or `user` and `password`"
	case http.StatusNotFound:
		text = ": correct `url`"
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	if line = line[:min(len(line), maxComplaint)]; len(line) > 0 && line[0] != '<' {
		text += fmt.Sprintf("; it said: %q", strings.ToValidUTF8(string(line), "�"))
	}
	return text
}
