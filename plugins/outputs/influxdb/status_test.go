package influxdb

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// outcome is what a whole agent has made of ten rows m,i=0 x=0 0 to m,i=9 x=9 9.
type outcome struct {
	server *far
	ledger string
	log    string
	dead   string // the dead-letter file without times
	took   time.Duration
}

var deadTime = regexp.MustCompile(`(?m)^# [0-9TZ:-]+ `)

// run runs an agent in synthetic time on the rows, in batches of ten, until it has delivered them or grace is
// over.
func run(t *testing.T, change func(c *Config), grace time.Duration, rows int, servers ...*far) outcome {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dead.lp")
	o := unopened(t, func(c *Config) {
		c.DeadLetter.Path = path
		if change != nil {
			change(c)
		}
	}, servers...)
	var steps []sdktest.Step
	for i := range rows {
		steps = append(steps, sdktest.Step{Text: fmt.Sprintf("m,i=%d x=%d %d", i, i, i)})
	}
	var log sdktest.Buffer
	plan := pipeline.Plan{
		Agent:  pipeline.Agent{Hostname: "h", ShutdownGrace: grace},
		Inputs: []pipeline.Input{{Plugin: plugin("feed", sdktest.NewFeed(t, steps...)), Timeout: time.Second}},
		Outputs: []pipeline.Output{{
			Plugin: plugin("influxdb", o), Queue: pipeline.Queue{MaxBytes: 16 << 20},
			BatchSize: 10, FlushInterval: time.Second, Timeout: 5 * time.Second, Required: true,
		}},
	}
	p, err := pipeline.New(plan, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = p.Run(t.Context())
	l := p.Ledger()
	late := slices.ContainsFunc(l.Outputs[0].Drops, func(d sdk.Drop) bool { return d.Reason == sdk.DropShutdown })
	if (err != nil) != late { // an agent fails over what it has not delivered in the grace, and over no bad line
		t.Errorf("run: %v, and %v dropped", err, l.Outputs[0].Drops)
	}
	if err := l.Check(); err != nil {
		t.Errorf("the ledger does not balance: %v", err)
	}
	dead, _ := os.ReadFile(path)
	return outcome{
		server: servers[0], ledger: strings.TrimPrefix(l.String(), fmt.Sprintf("ledger read=%d made=0 absorbed=0 ", rows)), log: log.String(),
		dead: deadTime.ReplaceAllString(string(dead), "# "), took: time.Since(began),
	}
}

func plugin(name string, impl any) pipeline.Plugin {
	return pipeline.Plugin{Name: name, Level: slog.LevelDebug, New: func() (any, error) { return impl, nil }}
}

// all returns the lines of rows, but those that are bad.
func all(rows int, bad ...int) []string {
	var all []string
	for i := range rows {
		// The agent adds its host.
		if line := fmt.Sprintf("m,host=h,i=%d x=%d %d", i, i, i); !slices.Contains(bad, i) {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}

// Every row of the status table, through a whole agent: what the server has, what the file has, what the ledger
// says, and how long it took. The server takes the first request or requests otherwise than it should.
func TestStatus(t *testing.T) {
	const (
		enough = 24 * time.Hour
		ten    = 10
	)
	type want struct {
		bad      []int // rows that are not stored
		dead     string
		ledger   string
		requests int           // 0 for any number
		least    time.Duration // that it took
		most     time.Duration
		log      string
	}
	f := func(name string, change func(c *Config), prepare func(s *far), w want) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newFar(t)
				prepare(server)
				got := run(t, change, enough, ten, server)
				if w.ledger == "" {
					w.ledger = fmt.Sprintf("delivered=%d dropped=0 queued=0 balance=ok", ten-len(w.bad))
					if len(w.bad) > 0 {
						w.ledger = fmt.Sprintf("delivered=%d dropped=0 dead_lettered=%d queued=0 balance=ok", ten-len(w.bad), len(w.bad))
					}
				}
				if got.ledger != w.ledger {
					t.Errorf("ledger %s, want %s", got.ledger, w.ledger)
				}
				if diff := cmp.Diff(all(ten, w.bad...), server.held()); diff != "" {
					t.Errorf("stored: -want +got\n%s", diff)
				}
				if diff := cmp.Diff(w.dead, got.dead); diff != "" {
					t.Errorf("dead letters: -want +got\n%s", diff)
				}
				if n := len(server.asked()); w.requests > 0 && n != w.requests {
					t.Errorf("%d requests, want %d", n, w.requests)
				}
				if got.took < w.least || got.took > w.most+2*time.Second {
					t.Errorf("took %v, want %v to %v", got.took, w.least, w.most)
				}
				if w.log != "" && !strings.Contains(got.log, w.log) {
					t.Errorf("the log lacks %q:\n%s", w.log, got.log)
				}
				if t.Failed() {
					t.Log(got.log)
				}
			})
		})
	}
	// first makes the first n requests fail.
	first := func(n int, r reply) func(s *far) {
		return func(s *far) {
			s.answer = func(i int, _ request) reply {
				if i <= n {
					return r
				}
				return reply{}
			}
		}
	}
	// lines makes the server find fault with lines that contain one of the texts.
	lines := func(reason string, texts ...string) func(s *far) {
		return func(s *far) {
			s.refuses = func(line string) string {
				if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) }) {
					return reason
				}
				return ""
			}
		}
	}
	retryAfter := func(text string) http.Header { return http.Header{"Retry-After": {text}} }

	f("204", nil, func(*far) {}, want{requests: 1})
	f("200", nil, first(1, reply{status: 200, store: true}), want{requests: 1})
	f("200 json", nil, first(1, reply{status: 200, store: true, body: "{}"}), want{requests: 1})
	f("200 with an error", nil, first(1, reply{status: 200, body: `{"error":"not done"}`}), want{requests: 3})
	f("200 of somebody else", nil, first(1, reply{status: 200, body: "<html>log in"}), want{
		requests: 2, least: 30 * time.Second, most: 33 * time.Second, log: "200 OK: <html>log in: correct `url` or `api`: this is no answer of InfluxDB",
	})
	f("201 partial", nil, func(s *far) {
		s.answer = func(_ int, r request) reply {
			if slices.Contains(r.lines, "m,host=h,i=3 x=3 3") {
				return reply{status: 201, body: `{"code":"invalid","message":"line 4 rejected","line":4}`}
			}
			return reply{}
		}
	}, want{bad: []int{3}, dead: "# write to http://influx:8086, database \"gpu\": 201 Created: line 4 rejected\nm,host=h,i=3 x=3 3\n"})

	f("400 partial write", nil, lines("field type conflict", "i=3 ", "i=7 "), want{bad: []int{3, 7}, dead: `# write to http://influx:8086, database "gpu": 400 Bad Request: partial write: field type conflict dropped=1
m,host=h,i=3 x=3 3
m,host=h,i=7 x=7 7
`, log: "some metrics were rejected"})
	f("400 all", nil, lines("field type conflict", "m"), want{
		bad: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, requests: 1,
		ledger: "delivered=0 dropped=0 dead_lettered=10 queued=0 balance=ok",
		dead:   "# write to http://influx:8086, database \"gpu\": 400 Bad Request: partial write: field type conflict dropped=10\n" + strings.Join(all(ten), "\n") + "\n",
	})
	f("400 without a file", func(c *Config) { c.DeadLetter.Path = "" }, lines("field type conflict", "i=3 "), want{
		bad: []int{3}, ledger: "delivered=9 dropped=1 queued=0 balance=ok",
	})
	f("400 once", nil, first(1, reply{status: 400, body: `{"error":"unable to parse"}`}), want{requests: 3})
	f("400 of a proxy", nil, first(1, reply{status: 400, body: "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>"}), want{
		requests: 2, least: 30 * time.Second, most: 33 * time.Second, log: "the server speaks TLS at this port: write https in the URL",
	})
	f("400 with a page", nil, first(1, reply{status: 400, body: "<html><head><title>400 Bad Request</title>"}), want{
		requests: 2, least: 30 * time.Second, most: 33 * time.Second, log: "correct `url` or `api`: this is no answer of InfluxDB",
	})
	f("422", nil, func(s *far) {
		lines("points beyond retention policy", "i=5 ")(s)
		s.partial = func(reason string, refused []int) reply {
			return reply{status: 422, body: fmt.Sprintf(`{"code":"unprocessable entity","message":"failure writing points to database: partial write: %s dropped=%d"}`, reason, len(refused))}
		}
	}, want{bad: []int{5}, dead: `# write to http://influx:8086, database "gpu": 422 Unprocessable Entity: failure writing points to database: partial write: points beyond retention policy dropped=1
m,host=h,i=5 x=5 5
`})

	f("401", nil, first(3, reply{status: 401, body: `{"error":"authorization failed"}`}), want{
		requests: 4, least: 90 * time.Second, most: 99 * time.Second, log: "401 Unauthorized: authorization failed: set `user` and `password`",
	})
	f("403", func(c *Config) { c.User = "u" }, first(2, reply{status: 403, body: `{"error":"not authorized"}`}), want{
		requests: 3, least: 60 * time.Second, most: 66 * time.Second, log: "403 Forbidden: not authorized: let it write to database \\\"gpu\\\", or correct `user` and `password`",
	})
	f("404", nil, first(2, reply{status: 404, body: `{"error":"database not found: \"gpu\""}`}), want{
		requests: 3, least: 60 * time.Second, most: 66 * time.Second, log: "create the database, or correct `database` or `url`",
	})
	f("302", nil, first(1, reply{status: 302, header: http.Header{"Location": {"https://influx/login?token=abc"}}}), want{
		requests: 2, least: 30 * time.Second, most: 33 * time.Second, log: "302 Found: it redirects to https://influx/login: correct `url`",
	})
	f("405", nil, first(1, reply{status: 405}), want{requests: 2, least: 30 * time.Second, most: 33 * time.Second})

	f("413", nil, func(s *far) {
		s.answer = func(_ int, r request) reply {
			if len(r.lines) > 3 {
				return reply{status: 413, body: `{"error":"Request Entity Too Large"}`}
			}
			return reply{}
		}
	}, want{requests: 7, log: "the server takes no request of that size"})
	f("413 for a single line", nil, func(s *far) {
		s.answer = func(_ int, r request) reply {
			if slices.Contains(r.lines, "m,host=h,i=9 x=9 9") {
				return reply{status: 413}
			}
			return reply{}
		}
	}, want{bad: []int{9}, dead: "# write to http://influx:8086, database \"gpu\": 413 Request Entity Too Large\nm,host=h,i=9 x=9 9\n"})

	f("429", nil, first(1, reply{status: 429, header: retryAfter("7")}), want{requests: 2, least: 7 * time.Second, most: 11 * time.Second})
	f("429 without a time", nil, first(2, reply{status: 429}), want{requests: 3, least: 250 * time.Millisecond, most: 2 * time.Second})
	f("503 with a date", nil, first(1, reply{status: 503, header: retryAfter("Sat, 01 Jan 2000 00:02:00 GMT")}), want{
		requests: 2, least: 118 * time.Second, most: 132 * time.Second,
	})
	f("503 for an hour", nil, first(1, reply{status: 503, header: retryAfter("3600")}), want{
		requests: 2, least: 15 * time.Minute, most: 17 * time.Minute,
	})
	f("502", nil, first(3, reply{status: 502, body: "<html>Bad Gateway</html>"}), want{requests: 4, most: 10 * time.Second})
	f("507", nil, first(1, reply{status: 507}), want{requests: 2, most: time.Second})
	f("408", nil, first(1, reply{status: 408}), want{requests: 2, most: time.Second})

	f("500", nil, first(4, reply{status: 500, body: `{"error":"timeout"}`}), want{requests: 5, most: 20 * time.Second})
	f("500 for long", nil, first(300, reply{status: 500, body: `{"error":"engine is closed"}`}), want{
		most: 3 * time.Hour, log: "500 Internal Server Error: engine is closed",
	})
	f("500 beyond retention", nil, func(s *far) {
		s.answer = func(_ int, r request) reply {
			if slices.Contains(r.lines, "m,host=h,i=0 x=0 0") {
				return reply{status: 500, body: `{"error":"points beyond retention policy"}`}
			}
			return reply{}
		}
	}, want{bad: []int{0}, most: time.Second, dead: "# write to http://influx:8086, database \"gpu\": 500 Internal Server Error: points beyond retention policy\nm,host=h,i=0 x=0 0\n"})
	f("500 for one line", nil, func(s *far) {
		s.answer = func(_ int, r request) reply {
			if slices.Contains(r.lines, "m,host=h,i=9 x=9 9") {
				return reply{status: 500, body: `{"error":"panic: index out of range"}`}
			}
			return reply{}
		}
	}, want{bad: []int{9}, most: 20 * time.Second, dead: "# write to http://influx:8086, database \"gpu\": 500 Internal Server Error: panic: index out of range\nm,host=h,i=9 x=9 9\n"})
}

// What cannot be told from a server in trouble is not given up: it stays in the queue.
func TestServerThatFailsOverEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFar(t)
		server.answer = func(int, request) reply { return reply{status: 500, body: "no"} }
		got := run(t, nil, time.Hour, 10, server)
		if got.ledger != "delivered=0 dropped=10 queued=0 balance=ok" || got.dead != "" {
			t.Errorf("%s\n%s", got.ledger, got.dead)
		}
		if !strings.Contains(got.log, "500 for each of 10 lines, and nothing else to tell by whether the server works: look into its log") {
			t.Error(got.log)
		}
		// A search costs 19 requests, and comes after five tries: half a minute apart, most of them.
		if n := len(server.asked()); n > 120*(5+19)/5+20 {
			t.Errorf("%d requests in an hour", n)
		}
	})
}

// A server that stops working in the middle of a search for bad lines accuses nobody.
func TestServerThatStopsWorkingInASearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFar(t)
		server.answer = func(n int, r request) reply {
			// At first line 9 alone is the trouble, then everything is, then nothing.
			if n < 10 && slices.Contains(r.lines, "m,host=h,i=9 x=9 9") || n >= 10 && n < 200 {
				return reply{status: 500, body: "trouble"}
			}
			return reply{}
		}
		got := run(t, nil, 24*time.Hour, 10, server)
		if got.ledger != "delivered=10 dropped=0 queued=0 balance=ok" {
			t.Errorf("%s\n%s", got.ledger, got.log)
		}
	})
}

// A bucket that is not there holds up what comes after it, and nothing of the batch that can be stored.
func TestMissingDatabaseHoldsOnlyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFar(t)
		began := time.Now()
		server.answer = func(_ int, r request) reply {
			if strings.Contains(r.uri, "db=gpu-3&") && time.Since(began) < time.Minute {
				return reply{status: 404, body: `{"error":"database not found"}`}
			}
			if time.Since(began) > 30*time.Second && !strings.Contains(r.uri, "db=gpu-3&") {
				t.Errorf("%s is asked again", r.uri)
			}
			return reply{}
		}
		got := run(t, func(c *Config) { c.Database = "gpu-{i}" }, time.Hour, 10, server)
		if got.ledger != "delivered=10 dropped=0 queued=0 balance=ok" || got.took < time.Minute {
			t.Errorf("%s after %v\n%s", got.ledger, got.took, got.log)
		}
	})
}
