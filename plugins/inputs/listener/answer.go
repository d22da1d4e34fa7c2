package listener

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// answer is what a client gets.
type answer struct {
	status  int
	v1      bool   // in the words of InfluxDB 1
	problem string // of a status that is an error
	body    string // else
}

func refusal(status int, problem string) answer { return answer{status: status, problem: problem} }

// busy tells a client of whose request nothing was taken to come again.
func busy(problem string) answer { return refusal(http.StatusTooManyRequests, problem) }

// unavailable tells a client to send the request again, of which something may have been delivered.
func unavailable(problem string) answer { return refusal(http.StatusServiceUnavailable, problem) }

// codes are the words by which InfluxDB 2 tells errors apart.
var codes = map[int]string{
	http.StatusBadRequest:            "invalid",
	http.StatusUnauthorized:          "unauthorized", //nolint:misspell // it is what clients compare with
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "not found",
	http.StatusMethodNotAllowed:      "method not allowed",
	http.StatusRequestTimeout:        "request timeout",
	http.StatusRequestEntityTooLarge: "request too large",
	http.StatusUnsupportedMediaType:  "unsupported media type",
	http.StatusTooManyRequests:       "too many requests",
	http.StatusServiceUnavailable:    "unavailable",
}

func (a answer) send(w http.ResponseWriter) {
	h := w.Header()
	switch a.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout, http.StatusUnauthorized, http.StatusForbidden:
		h.Set("Connection", "close") // the rest of the body is not waited for
	}
	body := a.body
	if a.problem != "" {
		var text []byte
		if a.v1 {
			text, _ = json.Marshal(map[string]string{"error": a.problem})
			h.Set("X-Influxdb-Error", strings.Map(printable, a.problem))
		} else {
			text, _ = json.Marshal(map[string]string{"code": codes[a.status], "message": a.problem})
		}
		body = string(text) + "\n"
	}
	if body != "" {
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(body)) // a client that has gone counts that itself
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return ' '
	}
	return r
}

// faults names what was not taken of a request, in the words that InfluxDB's clients look for: after
// "partial write" they do not send it again.
func faults(q *request) string {
	var b strings.Builder
	if q.taken > q.capped {
		b.WriteString("partial write: ")
	}
	if q.bad.Count > 0 {
		fmt.Fprintf(&b, "unable to parse: %v: ", &q.bad)
	}
	if q.capped > 0 {
		fmt.Fprintf(&b, "%d lines are of new series, and there are as many series as there may be: ", q.capped)
	}
	fmt.Fprintf(&b, "dropped=%d", q.bad.Count+q.capped)
	return b.String()
}
