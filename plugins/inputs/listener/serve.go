package listener

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
)

// version is what clients of InfluxDB 1 read to learn what they may send.
const version = "1.8.10-gpuline"

// serve answers a request to the HTTP API.
func (l *Listener) serve(w http.ResponseWriter, r *http.Request) {
	if !l.http.begin() {
		return
	}
	defer l.http.end()
	w.Header().Set("X-Influxdb-Version", version)
	// The time for a request bounds all that is read of it; it does not reach into the answer.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(l.config.ReadTimeout))
	var a answer
	switch r.URL.Path {
	case "/write":
		a = l.admit(w, r, l.write)
		a.v1 = true
	case "/api/v2/write":
		a = l.admit(w, r, l.write)
	case "/query":
		a = l.admit(w, r, l.query)
		a.v1 = true
	case "/ping":
		a = answer{status: http.StatusNoContent}
	case "/health":
		a = answer{status: http.StatusOK, body: `{"name":"gpuline","message":"ready for writes","status":"pass","checks":[]}`}
	default:
		a = refusal(http.StatusNotFound, "there are /api/v2/write, /write, /ping and /health")
	}
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout))
	l.figures.requests(a.status).Add(1)
	a.send(w)
	if a.status >= http.StatusBadRequest {
		l.log.Warn("request was not taken as it is", "path", r.URL.Path, "from", r.RemoteAddr, "status", a.status, "err", a.problem)
	}
}

// admit answers a request where its method, its credentials or its bucket are wrong, and has next answer
// it elsewhere.
func (l *Listener) admit(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) answer) answer {
	bucket := r.URL.Query().Get("bucket")
	if r.URL.Path == "/write" {
		bucket = r.URL.Query().Get("db")
	}
	switch {
	case r.Method != http.MethodPost && r.URL.Path != "/query":
		w.Header().Set("Allow", http.MethodPost)
		return refusal(http.StatusMethodNotAllowed, "lines are sent with POST")
	case !l.config.admits(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="gpuline"`)
		return refusal(http.StatusUnauthorized, "the token, or the user and the password, are missing or wrong")
	case r.URL.Path != "/query" && !l.config.mayWrite(bucket):
		return refusal(http.StatusForbidden, fmt.Sprintf("nobody may write to the bucket or database %.100q", bucket))
	}
	return next(w, r)
}

// mayWrite reports whether a bucket or a database is one of those that clients may name.
func (c *Config) mayWrite(bucket string) bool {
	for _, glob := range c.Buckets {
		if ok, _ := path.Match(glob, bucket); ok {
			return true
		}
	}
	return len(c.Buckets) == 0
}

// maxQuery bounds the body of a query, which may be a form.
const maxQuery = 64 << 10

// query answers what clients of InfluxDB 1 ask before they write: to create the database.
func (l *Listener) query(w http.ResponseWriter, r *http.Request) answer {
	r.Body = http.MaxBytesReader(w, r.Body, maxQuery)
	words := strings.Fields(strings.ToUpper(r.FormValue("q")))
	if len(words) > 1 && words[0] == "CREATE" && words[1] == "DATABASE" {
		return answer{status: http.StatusOK, body: `{"results":[{"statement_id":0}]}`}
	}
	return refusal(http.StatusBadRequest, "lines can be written here, and not be read")
}

// write takes the lines of a request, and waits until they are delivered.
func (l *Listener) write(w http.ResponseWriter, r *http.Request) answer {
	precision := l.precision
	if text := r.URL.Query().Get("precision"); text != "" {
		var err error
		if precision, err = parsePrecision(text); err != nil {
			return refusal(http.StatusBadRequest, fmt.Sprintf("precision %.20q is none of ns, us, ms and s", text))
		}
	}
	body, refused := l.readBody(w, r)
	if refused.status != 0 {
		return refused
	}
	l.figures.bytes.Add(float64(len(body)))
	if n := lines(body); n == 0 || n > l.config.MaxLines {
		l.memory.giveBack(body)
		if n == 0 {
			return answer{status: http.StatusNoContent}
		}
		return refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("%d lines, where max_lines is %d", n, l.config.MaxLines))
	}
	// The request is here. A deadline that passes while it waits would be taken for a client that has gone.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return l.deliver(r.Context(), body, precision)
}

// takeTimeout is how long a request waits to be read while the queues behind are full.
const takeTimeout = time.Second

// deliver puts a body into the inbox, and waits for what becomes of it.
func (l *Listener) deliver(ctx context.Context, body []byte, p lineprotocol.Precision) answer {
	q := newRequest(l.unixNow(), p)
	q.data = body
	if !l.inbox.put(q) {
		l.memory.giveBack(body)
		return unavailable(errEnding.Error())
	}
	full := time.NewTimer(min(takeTimeout, l.config.AckTimeout))
	defer full.Stop()
	late := time.NewTimer(l.config.AckTimeout)
	defer late.Stop()
	for {
		select {
		case err := <-q.answered:
			return outcome(q, err)
		case <-full.C:
			if l.inbox.withdraw(q) {
				l.memory.giveBack(body)
				return busy("the outputs are slower than what arrives, and their queues are full")
			}
		case <-late.C:
			return unavailable("not confirmed in time: it may have been delivered, and may be sent again")
		case <-ctx.Done(): // the client has gone
			if l.inbox.withdraw(q) {
				l.memory.giveBack(body)
				return unavailable("the client did not wait for room: nothing was taken")
			}
			return unavailable("the client did not wait for the answer, and may send again what is delivered all the same: let it wait for longer than ack_timeout")
		case <-l.closing:
			return unavailable(errEnding.Error())
		}
	}
}

// outcome is the answer to a request that is done.
func outcome(q *request, err error) answer {
	switch {
	case err != nil:
		return unavailable(fmt.Sprintf("not delivered, send it again: %v", err))
	case q.bad.Count > 0 || q.capped > 0:
		return refusal(http.StatusBadRequest, faults(q))
	}
	return answer{status: http.StatusNoContent}
}
