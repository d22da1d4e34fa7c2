package scrape

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// accepted is what a server may answer with, the text format first: there a counter is called the same on
// all pages.
const accepted = "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"

const (
	maxHeader    = 64 << 10
	maxRedirects = 5

	// idleTimeout is longer than people let pass between two scrapes.
	idleTimeout = 5 * time.Minute

	// handshakeTimeout ends a TLS handshake that goes on after its scrape has been given up.
	handshakeTimeout = 10 * time.Second
)

var errElsewhere = errors.New("the server refers to another host: name that one")

// A Client fetches pages. It is safe for concurrent use.
type Client struct {
	http   *http.Client
	header http.Header
	limit  int
	now    func() time.Time
}

// A Page is what a server has answered. Its memory serves for the next answer.
type Page struct {
	Body        []byte
	OpenMetrics bool      // else it is in the text format
	At          time.Time // when the answer began
	MayBeCut    bool      // only the end of the connection says where it ends
}

// NewClient reads the files that a names, and connects to nothing. A page of more than limit bytes is refused.
func NewClient(a *Access, limit sdk.Size, now func() time.Time) (*Client, error) {
	security, err := a.TLS.Load()
	if err != nil {
		return nil, err
	}
	c := &Client{limit: int(limit), now: now, header: http.Header{
		"Accept": {accepted}, "Accept-Encoding": {"gzip"}, "User-Agent": {"gpuline"},
	}}
	a.authorize(c.header)
	c.http = &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:        security,
			TLSHandshakeTimeout:    handshakeTimeout,
			DisableCompression:     true, // so that both sides of it can be bounded
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idleTimeout,
		},
		CheckRedirect: stay,
	}
	return c, nil
}

// Close ends the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// stay follows a redirect that keeps host and scheme: credentials go to the host that they are for, and
// nowhere else.
func stay(next *http.Request, before []*http.Request) error {
	if first := before[0].URL; next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || len(before) > maxRedirects {
		return errElsewhere
	}
	return nil
}

// Get fetches a page. After an error nothing of it counts. An error does not name the URL.
func (c *Client) Get(ctx context.Context, from string, p *Page) error {
	p.Body, p.OpenMetrics = p.Body[:0], false
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return bare(err)
	}
	r.Header = c.header.Clone()
	answer, err := c.http.Do(r)
	if err != nil {
		return tlsclient.Explain(bare(err))
	}
	defer func() { _ = answer.Body.Close() }()
	p.At = c.now()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	content, release, err := unpack(answer, c.limit)
	if err != nil {
		return err
	}
	defer release()
	media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err == nil && !readable(media) {
		return fmt.Errorf("content type %.60q is no page of metrics", media)
	}
	p.OpenMetrics = media == "application/openmetrics-text"
	p.MayBeCut = answer.ProtoMajor == 1 && answer.ContentLength < 0 && len(answer.TransferEncoding) == 0 && answer.Header.Get("Content-Encoding") != "gzip"
	p.Body, err = readUpTo(content, p.Body, c.limit)
	return err
}

// readable reports whether a page of that type may hold metrics as text.
func readable(media string) bool {
	return media == "application/openmetrics-text" || media == "text/plain" || media == "application/octet-stream"
}

// bare strips what http adds to an error: callers put the URL before it.
func bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
