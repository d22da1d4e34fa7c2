package influxdb

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// far is a server that stores lines, as InfluxDB does: line by line, those that it can. It answers what the
// test asks for, and forgets nothing. It listens on pipes, so that a test of it can run in a bubble of
// synthetic time.
type far struct {
	conns chan net.Conn
	done  chan struct{}

	mu       sync.Mutex
	requests []request
	stored   map[string]bool // lines
	// answer is asked first, where it is set; a zero reply leaves the answer to the server.
	answer func(n int, r request) reply
	// refuses tells why a line cannot be stored; "" where it can.
	refuses func(line string) string
	// partial is the answer where that was so, given the refused lines' numbers from 1; InfluxDB 1's if nil.
	partial func(reason string, refused []int) reply
}

type request struct {
	uri    string
	header http.Header
	lines  []string
	size   int // as it was sent
}

type reply struct {
	status int
	body   string
	header http.Header
	store  bool // though it says something else
}

func newFar(t testing.TB) *far {
	t.Helper()
	f := &far{conns: make(chan net.Conn), done: make(chan struct{}), stored: make(map[string]bool)}
	server := &http.Server{Handler: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(f)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return f
}

func (f *far) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

func (f *far) Addr() net.Addr { return &net.TCPAddr{} }

func (f *far) Close() error {
	close(f.done)
	return nil
}

func (f *far) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, there := net.Pipe()
	select {
	case f.conns <- there:
		return near, nil
	case <-f.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	text := sent
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(sent))
		if err == nil {
			text, err = io.ReadAll(z)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	q := request{uri: r.Method + " " + r.URL.RequestURI(), header: r.Header.Clone(), lines: lines(string(text)), size: len(sent)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, q)
	var a reply
	if f.answer != nil {
		n := len(f.requests)
		f.mu.Unlock() // it may block
		a = f.answer(n, q)
		f.mu.Lock()
	}
	if a.status == 0 || a.store {
		own := f.take(q.lines)
		if a.status == 0 {
			a = own
		}
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// take stores what it can of lines, and answers.
func (f *far) take(lines []string) reply {
	var refused []int
	reason := ""
	for i, line := range lines {
		why := ""
		if f.refuses != nil {
			why = f.refuses(line)
		}
		if why == "" {
			f.stored[line] = true
			continue
		}
		refused = append(refused, i+1)
		if reason == "" {
			reason = why
		}
	}
	switch {
	case refused == nil:
		return reply{status: http.StatusNoContent}
	case f.partial != nil:
		return f.partial(reason, refused)
	}
	return reply{status: http.StatusBadRequest, body: fmt.Sprintf(`{"error":"partial write: %s dropped=%d"}`, reason, len(refused))}
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// held returns what the server has stored, sorted.
func (f *far) held() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for line := range f.stored {
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

func (f *far) asked() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// uris returns where the requests went.
func (f *far) uris() []string {
	var all []string
	for _, r := range f.asked() {
		all = append(all, r.uri)
	}
	return all
}

// config returns a configuration with its defaults and what change makes of them.
func config(change func(c *Config)) *Config {
	c := &Config{}
	sdk.Defaults(c)
	c.URL, c.Database = "http://influx:8086", "gpu"
	if change != nil {
		change(c)
	}
	return c
}

// unopened makes an output that writes to the servers, one for each URL.
func unopened(t testing.TB, change func(c *Config), servers ...*far) *InfluxDB {
	t.Helper()
	o, err := New(config(change))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range servers {
		o.endpoints[i].dial = s.dial
	}
	return o
}

// rig is an open output with its log and figures.
type rig struct {
	*InfluxDB
	t       testing.TB
	catalog *sdk.Catalog
	meter   *sdk.Meter
	log     *sdktest.Buffer
}

func open(t testing.TB, change func(c *Config), servers ...*far) *rig {
	t.Helper()
	r := &rig{InfluxDB: unopened(t, change, servers...), t: t, catalog: sdk.NewCatalog(sdk.Limits{}), log: new(sdktest.Buffer)}
	env := sdktest.Env(t, r.catalog)
	env.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.meter = env.Meter
	if err := r.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) batch(text string) *sdk.Batch {
	r.t.Helper()
	return sdktest.Batch(r.t, r.catalog, text)
}

// numbered returns a batch of rows m,i=0 x=0 0 and so on.
func (r *rig) numbered(n int) *sdk.Batch {
	b := sdk.NewBatch(r.catalog)
	for i := range n {
		b.Add(b.Series("m", sdk.Tag{Key: "i", Value: fmt.Sprint(i)}), int64(i)).Float("x", float64(i))
	}
	return b
}

// write writes b with as much time as the engine gives.
func (r *rig) write(b *sdk.Batch) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	return r.Write(ctx, b)
}

func (r *rig) mustWrite(text string) {
	r.t.Helper()
	if err := r.write(r.batch(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) total(name, tag string) float64 {
	for t := range r.meter.Totals() {
		if t.Name == name && (tag == "" || slices.ContainsFunc(t.Tags, func(t sdk.Tag) bool { return t.Value == tag })) {
			return t.Value
		}
	}
	r.t.Errorf("no figure %s %s", name, tag)
	return 0
}
