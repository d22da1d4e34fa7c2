package influxdb

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
)

// verdict is what becomes of a request.
type verdict uint8

const (
	stored   verdict = iota // all of it
	refused                 // lines of it, for good; the others may be stored
	tooLarge                // send less at once
	held                    // an operator must change something: here, or at the server
	heldHere                // the same, for this bucket or database alone
	busy                    // later
	down                    // later, or at another URL
	broken                  // the server failed over it; later, most likely
)

// answer is what a server has said of a request.
type answer struct {
	verdict verdict
	status  int
	reason  string        // for people
	plain   bool          // the server expects TLS
	dropped int           // lines that it says it has refused; 0 where it does not say
	named   map[int]bool  // those lines, counted from 1, where it does say
	after   time.Duration // when to come again; 0 where it does not say
}

// judge is the table of statuses. dropped and named are hints that only save requests: a line counts as stored
// when a request with it was, and as refused when one of refused lines alone was.
func judge(r response, now time.Time) answer {
	a := answer{status: r.status}
	a.read(r)
	switch r.status {
	case http.StatusNoContent:
		a.verdict = stored
	case http.StatusCreated: // some were refused, says InfluxDB Cloud
		a.verdict = refused
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		a.verdict = refused
		a.plain = tlsclient.RefusesPlain(r.body)
		if a.plain || page.Match(r.body) {
			a.verdict = held
		}
	case http.StatusRequestEntityTooLarge:
		a.verdict = tooLarge
	case http.StatusForbidden, http.StatusNotFound:
		a.verdict = heldHere
		if aboutLines.MatchString(a.reason) { // InfluxDB Cloud: 403 for what is older than its retention
			a.verdict = refused
		}
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly:
		a.verdict, a.after = busy, retryAfter(r.header.Get("Retry-After"), now)
	case http.StatusInternalServerError:
		a.verdict = broken
		if aboutLines.MatchString(a.reason) { // tried again, it would be said for ever
			a.verdict = refused
		}
		a.after = retryAfter(r.header.Get("Retry-After"), now)
	default:
		switch {
		case r.status >= 500:
			a.verdict, a.after = down, retryAfter(r.header.Get("Retry-After"), now)
		case r.status/100 == 2 && len(r.body) == 0:
			a.verdict = stored
		case r.status/100 == 2 && isJSON(r.body) && a.reason == "":
			a.verdict = stored
		case r.status/100 == 2 && isJSON(r.body): // InfluxDB 1: understood, and not done
			a.verdict = refused
		default: // a redirect, a login page, a proxy's word: this is no InfluxDB
			a.verdict = held
			if to := r.header.Get("Location"); to != "" {
				a.reason = "it redirects to " + withoutQuery(to)
			}
		}
	}
	return a
}

// aboutLines matches messages that find fault with what was sent, whatever the status.
var aboutLines = regexp.MustCompile(`partial write|beyond retention|outside (of )?(the )?retention|field type conflict|unable to parse`)

// page matches what InfluxDB never says of lines: the page of a proxy.
var page = regexp.MustCompile(`(?i)^\s*<(!doctype|html)`)

// droppedCount matches how InfluxDB 1 and 2 end such a message.
var droppedCount = regexp.MustCompile(`(?s)partial write: .* dropped=(\d{1,9})$`)

// read takes the message out of a body: {"error":…} of InfluxDB 1 and 3, {"message":…} of InfluxDB 2, else the
// text as it is.
func (a *answer) read(r response) {
	var said struct {
		Error   string          `json:"error"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(r.body, &said) != nil {
		said.Error = string(r.body)
	}
	whole := said.Error
	if whole == "" {
		whole = said.Message
	}
	if count := droppedCount.FindStringSubmatch(whole); count != nil {
		a.dropped, _ = strconv.Atoi(count[1]) // nine digits fit
	}
	a.reason = shorten(whole)
	var lines []struct {
		Number  int    `json:"line_number"`
		Message string `json:"error_message"`
	}
	if json.Unmarshal(said.Data, &lines) != nil || len(lines) == 0 {
		return
	}
	a.named = make(map[int]bool, len(lines))
	for _, l := range lines {
		a.named[l.Number] = true
	}
	a.reason = shorten(whole + ": " + lines[0].Message)
}

// maxReason bounds what is quoted of an answer.
const maxReason = 300

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxReason {
		return text
	}
	end := maxReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func isJSON(body []byte) bool { return len(body) > 0 && json.Valid(body) }

func withoutQuery(location string) string {
	location, _, _ = strings.Cut(location, "?")
	return shorten(location)
}

// maxAfter bounds how long a server can make the output wait.
const maxAfter = 15 * time.Minute

// retryAfter reads Retry-After: seconds or a date. It returns 0 for anything else, and for the past.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, maxAfter.Seconds()) * float64(time.Second))
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxAfter)
}
