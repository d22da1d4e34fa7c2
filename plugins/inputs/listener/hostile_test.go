package listener

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// bomb returns n zero bytes, compressed.
func bomb(n int64) string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.CopyN(w, zeros{}, n)
	_ = w.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A body that decompresses to ten times what is allowed costs what is allowed.
func TestBomb(t *testing.T) {
	a := start(t, settings(t), &sdktest.Sink{})
	body := bomb(1 << 28)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := a.post("/write", body, header("Content-Encoding", "gzip"))
	runtime.ReadMemStats(&after)
	check(t, fmt.Sprint(r.status, " ", r.body), `413 {"error":"the body is larger than max_body, 25000000 bytes"}`)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 {
		t.Errorf("%d MiB were allocated for a body of %d bytes", grown>>20, len(body))
	}
	check(t, a.memory.lent, int64(0))
}

// A body without end is cut off.
func TestEndlessBody(t *testing.T) {
	a := start(t, settings(t, func(c *Config) { c.MaxBody = 1 << 20 }), &sdktest.Sink{})
	for _, change := range []func(*http.Request){
		func(*http.Request) {},
		header("Content-Encoding", "gzip"),
	} {
		r, err := http.NewRequest(http.MethodPost, "http://"+a.address("tcp")+"/write", zeros{})
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		got, err := do(&a.client, r)
		// The answer may cross with what is still being sent.
		if err == nil && got.status != http.StatusRequestEntityTooLarge && got.status != http.StatusBadRequest {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	check(t, a.post("/write", "m f=1 1").status, http.StatusNoContent)
	eventually(t, "the memory is back", func() bool {
		a.memory.mu.Lock()
		defer a.memory.mu.Unlock()
		return a.memory.lent == 0
	})
}

// A query is a few words: a form that is larger is neither read nor kept, in memory or in files.
func TestEndlessQuery(t *testing.T) {
	a := start(t, settings(t), &sdktest.Sink{})
	body := &largeForm{head: strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n")}
	r, err := http.NewRequest(http.MethodPost, "http://"+a.address("tcp")+"/query", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	// The answer may cross with what is still being sent.
	if got, err := do(&a.client, r); err == nil && got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
	if n := body.sent.Load(); n > 50<<20 {
		t.Errorf("%d MiB were taken", n>>20)
	}
	check(t, a.post("/query", "", func(r *http.Request) { r.URL.RawQuery = "q=CREATE+DATABASE+gpu" }).status, http.StatusOK)
}

// largeForm is the start of a form, and 100 MB more.
type largeForm struct {
	head io.Reader
	sent atomic.Int64
}

func (c *largeForm) Read(p []byte) (int, error) {
	if n, _ := c.head.Read(p); n > 0 {
		return n, nil
	}
	if c.sent.Add(int64(len(p))) > 100e6 {
		return 0, io.EOF
	}
	return len(p), nil
}

// Clients that send a byte now and then lose their connection, before the header's end and within the body.
func TestSlowClients(t *testing.T) {
	a := start(t, settings(t, func(c *Config) { c.ReadTimeout, c.MaxConnections = 200*time.Millisecond, 40 }), &sdktest.Sink{})
	const head = "POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
	ended := make(chan string, 20)
	for i := range cap(ended) {
		conn, err := net.Dial("tcp", a.address("tcp"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		start := head
		if i%2 == 0 {
			start = head[:20]
		}
		_, _ = io.WriteString(conn, start)
		go func() {
			for {
				time.Sleep(20 * time.Millisecond)
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
			}
		}()
		go func() {
			text, _ := io.ReadAll(conn)
			ended <- string(text)
		}()
	}
	late := 0
	for range cap(ended) {
		select {
		case text := <-ended:
			if strings.HasPrefix(text, "HTTP/1.1 408 ") {
				late++
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a slow client is still connected")
		}
	}
	if late == 0 {
		t.Error("no client was told that it is too slow")
	}
	check(t, a.post("/write", "m f=1 1").status, http.StatusNoContent)
}

func TestTooManyConnections(t *testing.T) {
	a := start(t, settings(t, func(c *Config) { c.MaxConnections, c.Unix = 3, socketPath(t, "s") }), &sdktest.Sink{})
	var conns []net.Conn
	for i := range 5 {
		network := []string{"tcp", "unix"}[i%2]
		conn, err := net.Dial(network, a.address(network))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	eventually(t, "two are refused", func() bool { return a.figures.refused.Get() == 2 })
	check(t, a.figures.connections.Get(), 3.0)
	for _, conn := range conns {
		_ = conn.Close()
	}
	eventually(t, "there is room", func() bool {
		r, err := a.try("/write", "m f=1 1")
		return err == nil && r.status == http.StatusNoContent
	})
}

// More bodies at a time than there is memory for are answered with 429.
func TestMemory(t *testing.T) {
	a := start(t, settings(t, func(c *Config) { c.MaxBody, c.Buffer = 100_000, 256<<10 }), &sdktest.Sink{})
	var conns []net.Conn
	eventually(t, "four hold all memory", func() bool {
		conn, err := net.Dial("tcp", a.address("tcp")) // holds 64 KiB, if the post below has not had them
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
		conns = append(conns, conn)
		r := a.post("/write", "m f=1 1")
		return r.status == http.StatusTooManyRequests && strings.Contains(r.body, "see `buffer`")
	})
	for _, conn := range conns {
		_ = conn.Close()
	}
	eventually(t, "there is memory", func() bool { return a.post("/write", "m f=1 1").status == http.StatusNoContent })
}

// Series beyond the cap are dropped for that reason, and the client is told how many lines that concerns.
func TestSeriesCap(t *testing.T) {
	catalog := sdk.NewCatalog(sdk.Limits{Series: 100})
	l := open(t, settings(t), sdktest.Env(t, catalog))
	defer func() { check(t, l.Close(), nil) }()
	a := &agent{Listener: l, t: t}
	defer a.client.CloseIdleConnections()
	var body strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&body, "m,i=%d f=1 1\n", i)
	}
	got := make(chan reply, 1)
	go func() {
		r, _ := a.try("/write", body.String())
		got <- r
	}()
	b, tally := sdk.NewBatch(catalog), sdk.Tally{}
	for tally.Added < 10_000 {
		b.Reset()
		ack, err := l.Read(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if ack != nil {
			ack(nil)
		}
		b.TakeTally(&tally)
	}
	check(t, tally.Drops, []sdk.Drop{{Reason: sdk.DropSeriesCap, Count: 9900}})
	r := <-got
	check(t, fmt.Sprint(r.status, " ", r.body),
		`400 {"error":"partial write: 9900 lines are of new series, and there are as many series as there may be: dropped=9900"}`)
}

func TestBrokenRequests(t *testing.T) {
	sink := &sdktest.Sink{}
	a := start(t, settings(t), sink)
	for _, text := range []string{
		"", "\x00", "\x16\x03\x01\x02\x00", "GET\r\n\r\n", "POST /write HTTP/9.9\r\n\r\n", "POST /write HTTP/1.1\r\n\r\n",
		"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nm f=1 1\n", // the client goes
		"POST /write HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", a.address("tcp"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	check(t, a.post("/write", "m,host=x f=1 1").status, http.StatusNoContent)
	check(t, sink.Lines(), []string{"m,host=x f=1 1"})
}

// The file of a socket that a killed agent has left is taken over; one on which somebody listens is not,
// nor is anything else.
func TestSocketFiles(t *testing.T) {
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	f := func(network string, config func(*Config, string)) {
		t.Helper()
		path := socketPath(t, "s")
		c := settings(t, func(c *Config) {
			c.HTTP = ""
			config(c, path)
		})
		left, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
		if err != nil {
			t.Fatal(err)
		}
		left.SetUnlinkOnClose(false)
		_ = left.Close()
		if network == "unixgram" {
			_ = os.Remove(path)
			gram, err := net.ListenUnixgram(network, &net.UnixAddr{Net: network, Name: path})
			if err != nil {
				t.Fatal(err)
			}
			_ = gram.Close()
		}
		l := open(t, c, env)
		second, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Open(t.Context(), env); err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: %v", network, err)
		}
		check(t, l.Close(), nil)
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := second.Open(t.Context(), env); err == nil {
			t.Errorf("%s: opened over a file", network)
		}
		if text, _ := os.ReadFile(path); string(text) != "precious" {
			t.Errorf("%s: the file is gone", network)
		}
	}
	f("unix", func(c *Config, path string) { c.Unix = path })
	f("unix", func(c *Config, path string) { c.HTTP = "unix://" + path })
	f("unixgram", func(c *Config, path string) { c.UnixDatagram = path })
}
