package exposition

import (
	"bytes"
	"errors"
	"math"
	"strconv"
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

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseFloat parses a number. Those of up to 15 digits without an exponent it finds by one division of
// exact numbers, which rounds as strconv does.
func parseFloat(word []byte) (float64, error) {
	var n int64
	digits, point := 0, -1
	i := 0
	negative := len(word) > 0 && word[0] == '-'
	if negative {
		i++
	}
	for ; i < len(word); i++ {
		c := word[i]
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = digits
		default:
			return slowFloat(word)
		}
		if digits > 15 {
			return slowFloat(word)
		}
	}
	if digits == 0 {
		return slowFloat(word)
	}
	f := float64(n)
	if point >= 0 {
		f /= powers[digits-point]
	}
	if negative {
		f = -f
	}
	return f, nil
}

func slowFloat(word []byte) (float64, error) {
	if bytes.ContainsAny(word, "pPxX_") {
		return 0, errValue
	}
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil {
		return 0, errValue
	}
	return f, nil
}
