package influxdb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
)

var paths = map[string]string{v1: "/write", v2: "/api/v2/write", v3: "/api/v3/write_lp"}

// endpoint is a URL that can be written to, with its connections.
type endpoint struct {
	name   string // for people
	url    url.URL
	socket string // of unix://
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	client *http.Client // while open
}

func newEndpoint(text, api string) (*endpoint, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the URL: %w", errors.Unwrap(err)) // the whole error quotes it
	}
	e := &endpoint{name: text, url: *u}
	if u.Scheme == "unix" {
		e.socket, e.url = u.Path, url.URL{Scheme: "http", Host: "localhost"}
	}
	e.url.Path = strings.TrimSuffix(e.url.Path, "/") + paths[api]
	dialer := net.Dialer{KeepAlive: 30 * time.Second}
	e.dial = dialer.DialContext
	if e.socket != "" {
		e.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", e.socket)
		}
	}
	return e, nil
}

// maxHead bounds the head of an answer.
const maxHead = 64 << 10

func (e *endpoint) open(tlsConfig *tls.Config, proxy bool) {
	t := &http.Transport{
		DialContext:            e.dial,
		TLSClientConfig:        tlsConfig.Clone(),
		DisableCompression:     true, // of answers, which are short
		MaxIdleConns:           2,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHead,
	}
	if proxy && e.socket == "" {
		t.Proxy = http.ProxyFromEnvironment
	}
	e.client = &http.Client{Transport: t, CheckRedirect: stay}
}

func (e *endpoint) close() {
	if e.client != nil {
		e.client.CloseIdleConnections()
		e.client = nil
	}
}

const maxRedirects = 3

// stay follows a redirect that keeps the method, the host and the scheme. Any other would lose the body, or
// take the token to somebody else: the answer that asks for it is looked at instead.
func stay(next *http.Request, before []*http.Request) error {
	first := before[0]
	if next.Method != first.Method || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || len(before) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// maxAnswer bounds what is read of an answer's body.
const maxAnswer = 64 << 10

// response is an answer as it came.
type response struct {
	status int
	header http.Header
	body   []byte
}

// post sends a body, and returns when nothing uses it any more. Where a connection that was kept turns out to
// be dead, it takes another one: a write may be repeated.
func (e *endpoint) post(ctx context.Context, query string, header http.Header, body []byte) (response, error) {
	for {
		kept := false
		trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { kept = c.Reused }}
		r, err := e.try(httptrace.WithClientTrace(ctx, trace), query, header, body)
		if err == nil {
			return r, nil
		}
		// The end of ctx leaves a connection that is being made to itself, for ever where the far end is silent.
		e.client.CloseIdleConnections()
		if !kept || ctx.Err() != nil {
			return r, err
		}
	}
}

func (e *endpoint) try(ctx context.Context, query string, header http.Header, body []byte) (response, error) {
	lent := &loan{data: body}
	defer lent.end()
	u := e.url
	u.RawQuery = query
	request := (&http.Request{Method: http.MethodPost, URL: &u, Header: header, ContentLength: int64(len(body)), GetBody: lent.body}).WithContext(ctx)
	request.Body, _ = lent.body()
	r, err := e.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return response{}, tlsclient.Explain(cutOff(err))
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil && len(text) == 0 {
		return response{}, fmt.Errorf("read the answer: %w", cutOff(err))
	}
	return response{r.StatusCode, r.Header, text}, nil
}

// cutOff makes an error of the network of a connection that ended before there was an answer: what is between
// here and a server that is down does that, and who is back is to be found as soon as where nobody had listened.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &net.OpError{Op: "read", Net: "tcp", Err: err}
	}
	return err
}
