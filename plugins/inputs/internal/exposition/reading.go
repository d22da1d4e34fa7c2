package exposition

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

var (
	errValue    = errors.New("no valid value")
	errStamp    = errors.New("no valid time stamp")
	errTrailing = errors.New("something stands behind the value")
)

// Reading is a line's value and, where it has one, its time stamp.
type Reading struct {
	Value   float64
	Stamp   int64 // Unix ns
	Stamped bool
}

// parseReading takes apart what stands behind a line's identity.
func parseReading(text []byte, openMetrics bool) (r Reading, err error) {
	word, rest := cutWord(text)
	if r.Value, err = parseFloat(word); err != nil {
		return r, errValue
	}
	word, rest = cutWord(rest)
	if openMetrics && len(word) > 0 && word[0] == '#' { // an exemplar
		return r, nil
	}
	if len(word) > 0 {
		if r.Stamp, err = parseStamp(word, openMetrics); err != nil {
			return r, err
		}
		r.Stamped = true
		word, _ = cutWord(rest)
	}
	if len(word) > 0 && !(openMetrics && word[0] == '#') {
		return r, errTrailing
	}
	return r, nil
}

// parseStamp parses milliseconds or, of OpenMetrics, seconds.
func parseStamp(word []byte, openMetrics bool) (int64, error) {
	if openMetrics {
		seconds, err := parseFloat(word)
		if err != nil || !(math.Abs(seconds) < math.MaxInt64/1e9) {
			return 0, errStamp
		}
		whole, part := math.Modf(seconds)
		return int64(whole)*1e9 + int64(math.Round(part*1e9)), nil
	}
	ms, err := strconv.ParseInt(string(word), 10, 64)
	if err != nil || ms > math.MaxInt64/1_000_000 || ms < math.MinInt64/1_000_000 {
		return 0, errStamp
	}
	return ms * 1_000_000, nil
}

// cutWord returns what stands before the next blank, and what behind it.
func cutWord(text []byte) (word, rest []byte) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] == '\t') {
		i++
	}
	text = text[i:]
	for i = 0; i < len(text) && text[i] != ' ' && text[i] != '\t'; i++ {
	}
	return text[:i], text[i:]
}

func parseFloat(word []byte) (float64, error) {
	if f, n := decimal.Parse(word); n > 0 && n == len(word) {
		return f, nil
	}
	if bytes.ContainsAny(word, "pPxX_") { // Go's own notation
		return 0, errValue
	}
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil {
		return 0, errValue
	}
	return f, nil
}
