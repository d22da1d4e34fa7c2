package influxdb

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var verdicts = map[verdict]string{
	stored: "stored", refused: "refused", tooLarge: "too large", held: "held", heldHere: "held here", busy: "busy", down: "down", broken: "broken",
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// What servers say, and what is made of it.
func TestJudge(t *testing.T) {
	f := func(status int, body, after, want string) {
		t.Helper()
		a := judge(response{status: status, header: http.Header{"Retry-After": {after}}, body: []byte(body)}, noon)
		got := verdicts[a.verdict]
		if a.dropped > 0 {
			got += fmt.Sprintf(" dropped=%d", a.dropped)
		}
		var named []int
		for n := range a.named {
			named = append(named, n)
		}
		if slices.Sort(named); named != nil {
			got += fmt.Sprint(" named=", named)
		}
		if a.after > 0 {
			got += fmt.Sprint(" after=", a.after)
		}
		if a.reason != "" {
			got += " " + a.reason
		}
		if got != want {
			t.Errorf("%d %s:\n got %s\nwant %s", status, body, got, want)
		}
	}
	f(204, "", "", "stored")
	f(200, "", "", "stored")
	f(200, `{"results":[]}`, "", "stored")
	f(200, `{"error":"x"}`, "", "refused x")
	f(202, "queued", "", "held queued")
	f(201, `{"code":"invalid","message":"some lines rejected","line":2}`, "", "refused some lines rejected")

	// InfluxDB 1.8
	f(400, `{"error":"partial write: field type conflict: input field \"x\" on measurement \"m\" is type float, already exists as type integer dropped=1"}`, "",
		`refused dropped=1 partial write: field type conflict: input field "x" on measurement "m" is type float, already exists as type integer dropped=1`)
	f(400, "{\"error\":\"partial write: unable to parse 'm x=1 dropped=9': bad timestamp\\nunable to parse 'y': missing fields dropped=0\"}", "",
		"refused partial write: unable to parse 'm x=1 dropped=9': bad timestamp unable to parse 'y': missing fields dropped=0")
	f(400, `{"error":"unable to parse 'm x=\"dropped=2\"'"}`, "", `refused unable to parse 'm x="dropped=2"'`)
	f(404, `{"error":"database not found: \"gpu\""}`, "", `held here database not found: "gpu"`)
	f(401, `{"error":"authorization failed"}`, "", "held authorization failed")
	f(500, `{"error":"timeout"}`, "", "broken timeout")
	f(500, `{"error":"retention policy not found: week"}`, "", "broken retention policy not found: week")
	f(500, `{"error":"partial write: points beyond retention policy dropped=1"}`, "", "refused dropped=1 partial write: points beyond retention policy dropped=1")

	// InfluxDB 2
	f(422, `{"code":"unprocessable entity","message":"failure writing points to database: partial write: points beyond retention policy dropped=7"}`, "",
		"refused dropped=7 failure writing points to database: partial write: points beyond retention policy dropped=7")
	f(400, `{"code":"invalid","message":"unable to parse 'x': missing fields"}`, "", "refused unable to parse 'x': missing fields")
	f(404, `{"code":"not found","message":"bucket \"gpu\" not found"}`, "", `held here bucket "gpu" not found`)
	f(429, `{"code":"too many requests"}`, "30", "busy after=30s")
	f(503, "", "Thu, 26 Nov 2026 12:01:30 GMT", "down after=1m30s")
	f(403, `{"code":"forbidden","message":"data is outside of the retention period"}`, "", "refused data is outside of the retention period")
	f(403, `{"code":"forbidden","message":"insufficient permissions"}`, "", "held here insufficient permissions")

	// InfluxDB 3
	f(400, `{"error":"partial write of line protocol occurred","data":[{"original_line":"a","line_number":2,"error_message":"invalid column type"},{"line_number":5}]}`, "",
		"refused named=[2 5] partial write of line protocol occurred: invalid column type")
	f(400, `{"error":"parsing failed for write_lp endpoint","data":{"line_number":2}}`, "", "refused parsing failed for write_lp endpoint")

	// Others on the way
	f(502, "<html>\r\n<h1>Bad Gateway</h1>\r\n", "", "down <html> <h1>Bad Gateway</h1>")
	f(413, "too large", "", "too large too large")
	f(301, "", "", "held")
	f(405, "", "", "held")
	f(400, "", "", "refused")
	f(500, strings.Repeat("é", 4000), "", "broken "+strings.Repeat("é", maxReason/2)+"…")
}

func TestRetryAfter(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		if got := retryAfter(text, noon); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	f("", 0)
	f("0", 0)
	f("7", 7*time.Second)
	f(" 7 ", 7*time.Second)
	f("0.25", 250*time.Millisecond)
	f("-7", 0)
	f("NaN", 0)
	f("1e300", maxAfter)
	f("+Inf", maxAfter)
	f("soon", 0)
	f("Thu, 26 Nov 2026 12:00:07 GMT", 7*time.Second)
	f("Thursday, 26-Nov-26 12:00:07 GMT", 7*time.Second)
	f("Thu Nov 26 12:00:07 2026", 7*time.Second)
	f("Thu, 26 Nov 2026 11:00:00 GMT", 0)
	f("Thu, 26 Nov 2099 12:00:00 GMT", maxAfter)
}

// Whatever a server says, it is judged, and what is kept of it is short and legible.
func FuzzJudge(f *testing.F) {
	f.Add(400, `{"error":"partial write: x dropped=1"}`, "7")
	f.Add(400, `{"error":"partial write of line protocol occurred","data":[{"line_number":2}]}`, "")
	f.Add(503, "<html>", "Thu, 26 Nov 2026 12:01:30 GMT")
	f.Add(200, "{}", "1e9")
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		a := judge(response{status: status, header: http.Header{"Retry-After": {after}, "Location": {body}}, body: []byte(body)}, noon)
		if a.after < 0 || a.after > maxAfter || a.dropped < 0 || len(a.reason) > 2*maxReason || !utf8.ValidString(a.reason) && utf8.ValidString(body) {
			t.Errorf("%+v", a)
		}
		if a.verdict == stored && status/100 != 2 {
			t.Errorf("%d is taken for stored", status)
		}
	})
}
