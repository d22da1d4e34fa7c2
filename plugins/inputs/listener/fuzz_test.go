package listener

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// FuzzRequest sends requests of any kind through the handler, with a reader that confirms all. Whatever
// comes, there is one answer, each row stands for a line of the body, and the memory is returned.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/write", "db=x&precision=ms", "", "", []byte("m f=1 1\n"))
	f.Add("POST", "/api/v2/write", "bucket=x&org=o&precision=ns", "Token t", "", []byte("m f=1 1\nbad\nm s=\"a\nb\" 2"))
	f.Add("POST", "/write", "u=a&p=b&%zz", "Basic dTpw", "gzip", []byte(zipped("m f=1 1\n")))
	f.Add("GET", "/query", "q=CREATE DATABASE x", "Bearer", "identity", []byte("q=SELECT"))
	f.Add("PUT", "/health", ";=&&", "Basic %", "gzip", []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, method, path, query, authorisation, encoding string, body []byte) {
		l, err := New(settings(t, func(c *Config) {
			c.HTTP, c.Token, c.User, c.Password, c.MaxBody = "unix:///unused", sdk.NewSecret("t"), "u", sdk.NewSecret("p"), 10_000
			c.AckTimeout = 10 * time.Second
		}))
		if err != nil {
			t.Fatal(err)
		}
		catalog := sdk.NewCatalog(sdk.Limits{Series: 100})
		env := sdktest.Env(t, catalog)
		l.http, l.log, l.now, l.figures = &server{}, env.Log, env.Now, newFigures(env.Meter)
		l.decoder = lineprotocol.NewDecoder(catalog, lineprotocol.DecoderOptions{})
		l.memory = newMemory(1 << 20)
		l.inbox = newInbox(l.memory)
		l.closing = make(chan struct{})

		ctx, cancel := context.WithCancel(t.Context())
		rows, done := uint64(0), make(chan struct{})
		go func() {
			defer close(done)
			b := sdk.NewBatch(catalog)
			for ctx.Err() == nil {
				b.Reset()
				ack, _ := l.Read(ctx, b)
				rows += b.Tally().Added
				if ack != nil {
					ack(nil)
				}
			}
		}()
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{}, ContentLength: -1,
			Body: http.NoBody, RemoteAddr: "x",
		}
		if len(body) > 0 {
			r = httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
			r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		}
		r.Header.Set("Authorization", authorisation)
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		l.serve(w, r)
		cancel()
		<-done
		if w.Code < 200 || w.Code >= 600 || w.Code == http.StatusServiceUnavailable || w.Code == http.StatusTooManyRequests {
			t.Errorf("status %d", w.Code)
		}
		admitted := strings.HasSuffix(authorisation, "t") || strings.Contains(query, "p=") || authorisation != ""
		if rows > 0 && (!admitted || method != http.MethodPost || encoding != "gzip" && rows > uint64(lines(body))) {
			t.Errorf("%d rows of %q", rows, body)
		}
		if l.memory.lent != 0 {
			t.Errorf("%d bytes are still lent", l.memory.lent)
		}
	})
}

func FuzzPrecision(f *testing.F) {
	for _, p := range []string{"", "n", "ns", "u", "µ", "us", "ms", "s", "m", "h", "d"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePrecision(text)
		if (err == nil) != (p > 0) {
			t.Errorf("%q: %d, %v", text, p, err)
		}
	})
}

// FuzzDatagrams cuts datagrams in any way into the inbox: each line is read or counted.
func FuzzDatagrams(f *testing.F) {
	f.Add([]byte("m f=1 1\n"), []byte("bad\nm f=2"), []byte(""))
	f.Add([]byte("m s=\"a"), []byte("b\" 1\n"), []byte("\\\n\""))
	f.Fuzz(func(t *testing.T, x, y, z []byte) {
		catalog := sdk.NewCatalog(sdk.Limits{})
		env := sdktest.Env(t, catalog)
		read := func(datagrams ...[]byte) []string {
			l := &Listener{
				log: env.Log, now: env.Now, figures: newFigures(sdk.NewMeter()), precision: lineprotocol.Nanosecond,
				decoder: lineprotocol.NewDecoder(catalog, lineprotocol.DecoderOptions{}), memory: newMemory(1 << 20),
			}
			l.inbox = newInbox(l.memory)
			for _, d := range datagrams {
				if len(d) > 0 && len(d) < maxDatagram {
					l.inbox.putDatagram(d, 7, &request{precision: l.precision})
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			b := sdk.NewBatch(catalog)
			if _, err := l.Read(ctx, b); err == nil {
				t.Error("no error")
			}
			return sdktest.Dump(b)
		}
		var apart []string
		for _, d := range [][]byte{x, y, z} {
			apart = append(apart, read(d)...)
		}
		check(t, strings.Join(read(x, y, z), "\n"), strings.Join(apart, "\n"))
	})
}
