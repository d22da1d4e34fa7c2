package prometheus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// accepted is what a server may answer with, the text format first: there a counter is called the same on
// all pages.
const accepted = "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"

const (
	maxHeader  = 64 << 10
	firstGuess = 64 << 10 // bytes of a page
)

var errElsewhere = errors.New("the server refers to another host: name that one")

func newClient(security *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:        security,
			DisableCompression:     true, // so that both sides of it can be bounded
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        2 * time.Minute,
		},
		// Credentials go to the host that they are for, and nowhere else.
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme || len(via) > 5 {
				return errElsewhere
			}
			return nil
		},
	}
}

// scrape fetches a page.
func (p *Prometheus) scrape(ctx context.Context, t *target) {
	t.at = p.now()
	t.body, t.openMetrics, t.err = p.fetch(ctx, t.url, t.body[:0])
}

// fetch gets a page into memory.
func (p *Prometheus) fetch(ctx context.Context, from string, into []byte) (body []byte, openMetrics bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return into, false, err
	}
	r.Header.Set("Accept", accepted)
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("User-Agent", "gpuline")
	switch {
	case p.config.User != "":
		r.SetBasicAuth(p.config.User, p.config.Password.Reveal())
	case !p.config.BearerToken.Empty():
		r.Header.Set("Authorization", "Bearer "+p.config.BearerToken.Reveal())
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return into, false, bare(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return into, false, fmt.Errorf("status %s%s", resp.Status, p.remedy(resp.StatusCode))
	}
	limit := int(p.config.MaxBody)
	content := io.LimitReader(resp.Body, int64(limit)+1)
	switch encoding := resp.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z := unpackers.Get().(*gzip.Reader)
		defer unpackers.Put(z)
		if err := z.Reset(content); err != nil {
			return into, false, fmt.Errorf("decompress: %w", err)
		}
		content = z
	default:
		return into, false, fmt.Errorf("content encoding %.20q is neither gzip nor identity", encoding)
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && !readable(media) {
		return into, false, fmt.Errorf("content type %.60q is no page of metrics", media)
	}
	body, err = readUpTo(content, into, limit)
	return body, media == "application/openmetrics-text", err
}

var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readable reports whether a page of that type may hold metrics as text.
func readable(media string) bool {
	return media == "application/openmetrics-text" || media == "text/plain" || media == "application/octet-stream"
}

// bare strips what http.Client adds to an error: the URL stands before it already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (p *Prometheus) remedy(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ": set `user` and `password`, or `bearer_token`"
	case http.StatusNotFound:
		return ": is the path right?"
	}
	return ""
}

// readUpTo reads all behind into, up to limit bytes.
func readUpTo(from io.Reader, into []byte, limit int) ([]byte, error) {
	for {
		if len(into) == cap(into) {
			into = append(make([]byte, 0, min(max(2*cap(into), firstGuess), max(limit+1, cap(into)+1))), into...)
		}
		n, err := from.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		switch {
		case len(into) > limit:
			return into, fmt.Errorf("the page is larger than max_body, %d bytes", limit)
		case errors.Is(err, io.EOF):
			return into, nil
		case err != nil:
			return into, fmt.Errorf("read the page: %w", err)
		}
	}
}

// endsWithEOF reports whether an OpenMetrics page is whole.
func endsWithEOF(body []byte) bool {
	return bytes.HasSuffix(bytes.TrimRight(body, "\r\n \t"), []byte("# EOF"))
}
