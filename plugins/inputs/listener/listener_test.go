package listener

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestWrite(t *testing.T) {
	sink := &sdktest.Sink{}
	a := start(t, settings(t), sink)
	f := func(path, body, want string, change ...func(*http.Request)) {
		t.Helper()
		before := len(sink.Lines())
		if r := a.post(path, body, change...); r.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		// It was answered, so it is there.
		check(t, strings.Join(sink.Lines()[before:], "; "), want)
	}
	gzip := header("Content-Encoding", "gzip")
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	f("/api/v2/write?org=o&bucket=b", "m,host=x f=1 5\n", "m,host=x f=1 5")
	f("/api/v2/write?precision=s", "m,host=x f=1 5", "m,host=x f=1 5000000000")
	f("/api/v2/write?precision=ms", "m,host=x f=1 5", "m,host=x f=1 5000000")
	f("/api/v2/write?precision=us", "m,host=x f=1 5", "m,host=x f=1 5000")
	f("/write?db=d&precision=ns", "m,host=x f=1 5", "m,host=x f=1 5")
	f("/write?db=d&precision=n", "m,host=x f=1 5", "m,host=x f=1 5")
	f("/write?db=d&precision=u", "m,host=x f=1 5", "m,host=x f=1 5000")
	f("/write?db=d&precision=m", "m,host=x f=1 5", "m,host=x f=1 300000000000")
	f("/write?db=d&rp=a&consistency=one&precision=h", "m,host=x f=1 5", "m,host=x f=1 18000000000000")
	f("/write", zipped("m,host=x f=1 5\n"), "m,host=x f=1 5", gzip)
	f("/write", zipped("m,host=x f=1 5\n")+zipped("m,host=x f=2 6"), "m,host=x f=1 5; m,host=x f=2 6", gzip)
	f("/write", zipped("m,host=x f=1 5\n"), "m,host=x f=1 5", gzip, chunked)
	f("/write", "m,host=x f=1 5\n", "m,host=x f=1 5", chunked)
	f("/write", "m,host=x s=\"two\nlines\" 5\r\n\n# c\n", `m,host=x s="two\nlines" 5`)
	f("/write", "", "")
	f("/write", "", "", gzip)
	f("/write", "\n# nothing\n", "")
}

// Fields get back what line protocol loses, as in replay.
func TestFields(t *testing.T) {
	sink := &sdktest.Sink{Full: true}
	a := start(t, settings(t, func(c *Config) { c.Counters = []string{"*_sum"} }), sink)
	a.post("/write", "gpu,host=x power_watts=300i,energy_joules=5i,a_total=1i,b_sum=2i 1\ngpu_event,host=x code=1i 2\n"+
		"gpu,host=x,window=10s power_watts_mean=3 3")
	check(t, sink.Lines(), []string{
		"gpu,host=x power_watts:gauge:watts=300,energy_joules:counter:joules=5,a_total:gauge:=1i,b_sum:counter:=2i 1",
		"gpu_event,host=x code:gauge:=1i 2 class=event",
		"gpu,host=x,window=10s power_watts_mean:gauge:watts=3 3 class=result origin=gpu,host=x",
	})
}

func TestTimeOfArrival(t *testing.T) {
	sink := &sdktest.Sink{}
	a := start(t, settings(t), sink)
	before := time.Now().UnixNano()
	a.post("/write?precision=s", "m f=1")
	after := time.Now().UnixNano()
	var at int64
	if _, err := fmt.Sscanf(sink.Lines()[0], "m,host=h f=1 %d", &at); err != nil || at < before || at > after {
		t.Errorf("%v: %d, between %d and %d: %v", sink.Lines(), at, before, after, err)
	}
}

func TestAnswers(t *testing.T) {
	sink := &sdktest.Sink{}
	a := start(t, settings(t, func(c *Config) {
		c.MaxBody, c.MaxLines = 1000, 100
	}), sink)
	f := func(path, body string, status int, want string, change ...func(*http.Request)) {
		t.Helper()
		r := a.post(path, body, change...)
		check(t, fmt.Sprintf("%d %s", r.status, r.body), fmt.Sprintf("%d %s", status, want))
	}
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	gzip, chunked := header("Content-Encoding", "gzip"), func(r *http.Request) { r.ContentLength = -1 }
	const tooLarge = "the body is larger than max_body, 1000 bytes"
	f("/write?precision=d", "m f=1", 400, `{"error":"precision \"d\" is none of ns, us, ms and s"}`)
	f("/api/v2/write?precision=d", "m f=1", 400, `{"code":"invalid","message":"precision \"d\" is none of ns, us, ms and s"}`)
	f("/write", strings.Repeat("x", 1001), 413, `{"error":"`+tooLarge+`"}`)
	f("/write", strings.Repeat("x", 100_000), 413, `{"error":"`+tooLarge+`"}`, chunked)
	f("/write", zipped(strings.Repeat("x", 1001)), 413, `{"error":"`+tooLarge+`"}`, gzip)
	f("/write", strings.Repeat(zipped(""), 1000), 413, `{"error":"`+tooLarge+`"}`, gzip, chunked)
	f("/write", strings.Repeat("\n", 101), 413, `{"error":"101 lines, where max_lines is 100"}`)
	f("/write", "m f=1 1\nm f=2 2\n", 400, `{"error":"read the body: gzip: invalid header"}`, gzip)
	f("/write", zipped("m f=1 1\nm f=2 2\n")[:30], 400, `{"error":"read the body: unexpected EOF"}`, gzip)
	f("/write", "m f=1", 415, `{"error":"the content encoding is neither gzip nor identity"}`, header("Content-Encoding", "br"))
	f("/write", "", 405, `{"error":"lines are sent with POST"}`, method("GET"))
	f("/api/v2/write", "", 405, `{"code":"method not allowed","message":"lines are sent with POST"}`, method("DELETE"))
	f("/api/v3/write_lp", "m f=1", 404, `{"code":"not found","message":"there are /api/v2/write, /write, /ping and /health"}`)
	f("/ping", "", 204, "", method("GET"))
	f("/ping", "", 204, "", method("HEAD"))
	f("/health", "", 200, `{"name":"gpuline","message":"ready for writes","status":"pass","checks":[]}`, method("GET"))
	f("/query?q=CREATE+DATABASE+%22gpu%22", "", 200, `{"results":[{"statement_id":0}]}`)
	f("/query", url.Values{"q": {"create database gpu"}}.Encode(), 200, `{"results":[{"statement_id":0}]}`,
		header("Content-Type", "application/x-www-form-urlencoded"))
	f("/query?q=SELECT+1", "", 400, `{"error":"lines can be written here, and not be read"}`, method("GET"))
	if got := a.post("/ping", "").header.Get("X-Influxdb-Version"); got != version {
		t.Errorf("version %q", got)
	}
	if len(sink.Lines()) > 0 {
		t.Error(sink.Lines())
	}
}

// Of a request the good lines are taken, and the bad ones are named.
func TestBadLines(t *testing.T) {
	sink := &sdktest.Sink{}
	a := start(t, settings(t), sink)
	f := func(body, want string, lines ...string) {
		t.Helper()
		before := len(sink.Lines())
		r := a.post("/write", body)
		check(t, fmt.Sprintf("%d %s", r.status, r.body), want)
		check(t, strings.Join(sink.Lines()[before:], "; "), strings.Join(lines, "; "))
		check(t, r.header.Get("X-Influxdb-Error") != "", true)
	}
	f("m,host=x f=1 1\nbad\nm,host=x f=x 2\nm,host=x f=3 3\n",
		`400 {"error":"partial write: unable to parse: line 2:4: expected tag key or field but found '\\n' instead; line 3:12: field value has unrecognized type: dropped=2"}`,
		"m,host=x f=1 1", "m,host=x f=3 3")
	f("bad", `400 {"error":"unable to parse: line 1:4: expected tag key or field but found '\\n' instead: dropped=1"}`)

	r := a.post("/api/v2/write", strings.Repeat("m,host=x f=1 1\n"+strings.Repeat("bad\n", 9), 2000))
	for _, want := range []string{"line 2:4: ", "line 9:4: ", "; and 17992 more: dropped=18000"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%q lacks %q", r.body, want)
		}
	}
	if r.status != 400 || len(r.body) > 2000 || !strings.HasPrefix(r.body, `{"code":"invalid","message":"partial write: `) {
		t.Errorf("%d %s", r.status, r.body)
	}
	check(t, len(sink.Lines()), 2002)
	check(t, a.figures.badLines.Get(), 18003.0)
	check(t, a.stop().String(), "ledger read=2002 made=0 absorbed=0 delivered=2002 dropped=0 queued=0 balance=ok")
}

func TestAuth(t *testing.T) {
	sink := &sdktest.Sink{}
	secured := func(c *Config) { c.Token, c.User, c.Password = sdk.NewSecret("t0k"), "u", sdk.NewSecret("p:w") }
	a := start(t, settings(t, secured, func(c *Config) { c.Buckets = []string{"gpu*", "x"} }), sink)
	f := func(path, authorisation string, want int) {
		t.Helper()
		r := a.post(path, "m f=1 1", func(r *http.Request) {
			if authorisation != "" {
				r.Header.Set("Authorization", authorisation)
			}
		})
		if r.status != want || strings.Contains(r.body, "t0k") {
			t.Errorf("%s %s: %d %s", path, authorisation, r.status, r.body)
		}
	}
	basic := func(user, password string) string {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	f("/api/v2/write?bucket=gpu", "Token t0k", 204)
	f("/api/v2/write?bucket=gpu", "token t0k", 204)
	f("/api/v2/write?bucket=gpu", "Bearer t0k", 204)
	f("/api/v2/write?bucket=gpu", "Token u:p:w", 204)
	f("/write?db=gpu1", basic("u", "p:w"), 204)
	f("/write?db=gpu1", basic("anybody", "t0k"), 204)
	f("/write?db=x&u=u&p=p:w", "", 204)
	f("/write?db=x&u=&p=t0k", "", 204)
	f("/write?db=x", "", 401)
	f("/write?db=x&u=u", "", 401)
	f("/write?db=x&u=u&p=t0", "", 401)
	f("/write?db=x", basic("u", "wrong"), 401)
	f("/write?db=x", basic("u", ""), 401)
	f("/write?db=x", basic("", "p:w"), 401)
	f("/write?db=x", "Basic %%%", 401)
	f("/write?db=x", "Token", 401)
	f("/write?db=x", "Token ", 401)
	f("/write?db=x", "Token t0k1", 401)
	f("/write?db=x", "Digest t0k", 401)
	f("/query?q=CREATE+DATABASE+x", "", 401)
	f("/query?q=CREATE+DATABASE+x", "Token t0k", 200)
	f("/write?db=y", "Token t0k", 403)
	f("/write", "Token t0k", 403)
	f("/api/v2/write?bucket=y&db=x", "Token t0k", 403)
	f("/ping", "", 204)
	f("/health", "", 200)
	check(t, len(sink.Lines()), 8)
}

// While an output stands, requests are answered with 429, whole, and nothing of them is taken. What was
// taken before is confirmed when the output goes on.
func TestFull(t *testing.T) {
	free := make(chan struct{})
	sink := &sdktest.Sink{Do: sdktest.Block(free)}
	a := start(t, settings(t, func(c *Config) { c.AckTimeout = 30 * time.Second }), sink, func(p *pipeline.Plan) {
		p.Outputs[0].Queue.MaxBytes = 64 << 10
		p.Outputs[0].Timeout = time.Minute
	})
	body := strings.Repeat("m,host=x f=1 1\n", 1000)
	first := make(chan reply, 8)
	n := 0
	for ; n < cap(first); n++ { // until the queue is half full
		go func() {
			r, _ := a.try("/write", body)
			first <- r
		}()
		time.Sleep(50 * time.Millisecond)
	}
	refused := 0
	for len(first) > 0 || refused == 0 {
		r := <-first
		if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "1" {
			t.Fatalf("%d %s", r.status, r.body)
		}
		refused++
		time.Sleep(100 * time.Millisecond)
	}
	read := a.pipeline.Ledger().Stages[0].In
	check(t, int(read), (n-refused)*1000)
	close(free)
	for range n - refused {
		if r := <-first; r.status != http.StatusNoContent {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := a.post("/write", body); r.status != http.StatusNoContent {
		t.Errorf("%d %s", r.status, r.body)
	}
	check(t, len(sink.Lines()), (n-refused+1)*1000)
}

// A request that is not confirmed in time is answered with 503; its lines are delivered all the same.
func TestLate(t *testing.T) {
	free := make(chan struct{})
	sink := &sdktest.Sink{Do: sdktest.Block(free)}
	a := start(t, settings(t, func(c *Config) { c.AckTimeout = 50 * time.Millisecond }), sink)
	r := a.post("/api/v2/write", "m,host=x f=1 1")
	check(t, fmt.Sprintf("%d %s %s", r.status, r.header.Get("Retry-After"), r.body),
		`503 1 {"code":"unavailable","message":"not confirmed in time: it may have been delivered, and may be sent again"}`)
	close(free)
	eventually(t, "the line is delivered", func() bool { return len(sink.Lines()) == 1 })
	check(t, a.stop().String(), "ledger read=1 made=0 absorbed=0 delivered=1 dropped=0 queued=0 balance=ok")
}

// An agent that ends while an output stands tells the client to send the lines again.
func TestNotDelivered(t *testing.T) {
	sink := &sdktest.Sink{Do: func(context.Context, int, *sdk.Batch) error { return errSink }}
	a := start(t, settings(t), sink)
	got := make(chan reply, 1)
	go func() {
		r, _ := a.try("/write", "m,host=x f=1 1")
		got <- r
	}()
	eventually(t, "the line is read", func() bool { return a.pipeline.Ledger().Stages[0].In == 1 })
	check(t, a.stop().String(), "ledger read=1 made=0 absorbed=0 delivered=0 dropped=1 queued=0 balance=ok")
	if r := <-got; r.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Whatever the engine says of a batch becomes the answer of each request that has a part in it.
func TestAcks(t *testing.T) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	l := open(t, settings(t), sdktest.Env(t, catalog))
	defer func() { check(t, l.Close(), nil) }()
	a := &agent{Listener: l, t: t}
	defer a.client.CloseIdleConnections()
	f := func(requests, lines int, acks []error, want string) {
		t.Helper()
		replies := make(chan reply, requests)
		for range requests {
			go func() {
				r, _ := a.try("/write", strings.Repeat("m f=1 1\n", lines))
				replies <- r
			}()
		}
		eventually(t, "the requests wait", func() bool {
			l.inbox.mu.Lock()
			defer l.inbox.mu.Unlock()
			return len(l.inbox.waiting) == requests
		})
		b := sdk.NewBatch(catalog)
		for read := 0; read < requests*lines; {
			b.Reset()
			ack, err := l.Read(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			read += b.Len()
			ack(acks[0])
			acks = acks[1:]
		}
		check(t, len(acks), 0)
		var got []string
		for range requests {
			r := <-replies
			got = append(got, fmt.Sprint(r.status, " ", r.body))
		}
		slices.Sort(got)
		check(t, strings.Join(got, "; "), want)
	}
	const failed = `503 {"error":"not delivered, send it again: the sink refuses"}`
	f(1, 1, []error{nil}, "204 ")
	f(1, 1, []error{errSink}, failed)
	f(3, 10, []error{nil}, "204 ; 204 ; 204 ") // one batch
	f(2, 10, []error{errSink}, failed+"; "+failed)
	f(1, 12_000, []error{nil, nil, nil}, "204 ") // three batches
	f(1, 12_000, []error{nil, errSink, nil}, failed)
	f(2, 4_000, []error{nil, nil}, "204 ; 204 ")
	f(2, 4_000, []error{nil, errSink}, "204 ; "+failed) // the first one is whole in the first batch
}

func TestDatagrams(t *testing.T) {
	sink := &sdktest.Sink{}
	path := socketPath(t, "d")
	a := start(t, settings(t, func(c *Config) {
		c.HTTP, c.UDP, c.UnixDatagram, c.Precision = "", "127.0.0.1:0", path, "ms"
	}), sink)
	send(t, "udp", a.address("udp"), "m,host=x f=1 1\n", "m,host=x f=2 2\nbad\nm,host=x f=3 3", "", "# c")
	send(t, "unixgram", path, "m,host=x f=4 4", "m,host=x f=5 5\n")
	eventually(t, "five lines", func() bool { return len(sink.Lines()) == 5 })
	lines := sink.Lines()
	slices.Sort(lines)
	check(t, lines, []string{"m,host=x f=1 1000000", "m,host=x f=2 2000000", "m,host=x f=3 3000000", "m,host=x f=4 4000000", "m,host=x f=5 5000000"})
	eventually(t, "the bad line", func() bool { return a.figures.badLines.Get() == 1 })
	check(t, a.stop().String(), "ledger read=6 made=0 absorbed=0 delivered=5 dropped=1 queued=0 balance=ok")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket's file is still there: %v", err)
	}
}

// Datagrams for which there is no room are dropped and counted, each line of them; none gets lost unseen.
func TestDatagramsAreCounted(t *testing.T) {
	catalog := sdk.NewCatalog(sdk.Limits{})
	l := open(t, settings(t, func(c *Config) {
		c.HTTP, c.UDP, c.MaxBody, c.Buffer = "", "127.0.0.1:0", 1000, 256<<10
	}), sdktest.Env(t, catalog))
	defer func() { check(t, l.Close(), nil) }()
	const datagrams, each = 2000, 10
	datagram := strings.Repeat("m,host=x f=1,g=2,h=3 1\n", each)
	for i := range datagrams {
		send(t, "udp", l.address("udp"), datagram)
		if i%100 == 0 {
			eventually(t, "datagrams arrive", func() bool { return l.figures.datagrams.Get() == float64(i+1) })
		}
	}
	eventually(t, "datagrams arrive", func() bool { return l.figures.datagrams.Get()+l.figures.lost.Get() == datagrams })
	b, tally := sdk.NewBatch(catalog), sdk.Tally{}
	rows := 0
	for tally.Added < uint64(l.figures.datagrams.Get())*each {
		b.Reset()
		if _, err := l.Read(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		rows += b.Len()
		b.TakeTally(&tally)
	}
	if len(tally.Drops) != 1 || tally.Drops[0].Reason != dropInputFull || tally.Drops[0].Count == 0 || rows < 5000 {
		t.Errorf("%d rows, %+v", rows, tally)
	}
	check(t, tally.Added, uint64(rows)+tally.Dropped())
	check(t, tally.Added, uint64(l.figures.datagrams.Get())*each)
}

func TestDatagramTooLarge(t *testing.T) {
	path := socketPath(t, "d")
	sink := &sdktest.Sink{}
	a := start(t, settings(t, func(c *Config) { c.HTTP, c.UnixDatagram = "", path }), sink)
	send(t, "unixgram", path, strings.Repeat("m f=1 1\n", 10_000), "m,host=x f=1 1")
	eventually(t, "the other one", func() bool { return len(sink.Lines()) == 1 })
	check(t, a.stop().Stages[0].Flow.Drops, []sdk.Drop{{Reason: dropTooLarge, Count: maxDatagram / 8}})
}

func TestStream(t *testing.T) {
	path := socketPath(t, "s")
	sink := &sdktest.Sink{}
	a := start(t, settings(t, func(c *Config) { c.HTTP, c.Unix, c.Precision = "", path, "s" }), sink)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", info, err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 4000 { // in pieces that end anywhere
		line := fmt.Sprintf("m,host=x f=%d,s=\"a\nb\" %d\n", i, i+1)
		want = append(want, fmt.Sprintf(`m,host=x f=%v,s="a\nb" %d000000000`, sdk.FloatValue(float64(i)), i+1))
		if _, err := io.WriteString(conn, line[:i%len(line)]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, line[i%len(line):]); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(conn, "bad\nm,host=x f=1 5000") // the end of the stream ends the line; the newest, as a batch is sorted by time
	_ = conn.Close()
	want = append(want, "m,host=x f=1 5000000000000")
	eventually(t, "all lines", func() bool { return len(sink.Lines()) >= len(want) })
	check(t, sink.Lines(), want)
	check(t, a.stop().String(), "ledger read=4002 made=0 absorbed=0 delivered=4001 dropped=1 queued=0 balance=ok")
}

// A sender waits while the outputs are full, and nothing of a stream is lost.
func TestStreamWaits(t *testing.T) {
	path, free := socketPath(t, "s"), make(chan struct{})
	sink := &sdktest.Sink{Do: sdktest.Block(free)}
	a := start(t, settings(t, func(c *Config) { c.HTTP, c.Unix = "", path }), sink, func(p *pipeline.Plan) {
		p.Outputs[0].Queue.MaxBytes = 64 << 10
		p.Outputs[0].Timeout = time.Minute
	})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	const total = 200_000
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, strings.Repeat("m,host=x f=1 1\n", total))
		sent <- err
		_ = conn.Close()
	}()
	select {
	case err := <-sent:
		t.Fatalf("the sender was not made to wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	close(free)
	check(t, <-sent, nil)
	eventually(t, "all lines", func() bool { return len(sink.Lines()) == total })
	a.stop()
}

// What was received when the agent ends, and will not be sent again, is delivered.
func TestEndTakesWhatWaits(t *testing.T) {
	free := make(chan struct{})
	sink := &sdktest.Sink{Do: sdktest.Block(free)}
	a := start(t, settings(t, func(c *Config) { c.HTTP, c.UDP, c.Unix = "", "127.0.0.1:0", socketPath(t, "s") }), sink,
		func(p *pipeline.Plan) {
			p.Outputs[0].Queue.MaxBytes = 64 << 10
			p.Outputs[0].Timeout = time.Minute
		})
	const total = 20_000
	for i := range total / 100 {
		send(t, "udp", a.address("udp"), strings.Repeat("m,host=x f=1 1\n", 100))
		eventually(t, "it arrives", func() bool { return a.figures.datagrams.Get() == float64(i+1) })
	}
	eventually(t, "the queue is full", func() bool { return a.pipeline.Ledger().Stages[0].In > 0 })
	time.AfterFunc(200*time.Millisecond, func() { close(free) })
	check(t, a.stop().String(), fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%d dropped=0 queued=0 balance=ok", total, total))
}
