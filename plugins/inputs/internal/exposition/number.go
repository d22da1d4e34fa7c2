package exposition

import (
	"math"
	"strconv"
)

// Integers up to 2⁵³ and powers of ten up to 10²² are floats without rounding, so their quotient is the float
// nearest to the decimal.
var pow10 = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// A decimal of so many digits is below 2⁵³.
const exactDigits = 15

// parseNumber reads a value: what Go's strconv takes, but for underscores and hexadecimal numbers.
func parseNumber(word []byte) (float64, bool) {
	i, negative := 0, false
	if len(word) > 0 && (word[0] == '-' || word[0] == '+') {
		negative, i = word[0] == '-', 1
	}
	var n uint64
	digits, fraction := 0, -1
	for ; i < len(word); i++ {
		switch c := word[i]; {
		case '0' <= c && c <= '9':
			if digits++; digits > exactDigits {
				return parseOdd(word)
			}
			n = n*10 + uint64(c-'0')
			if fraction >= 0 {
				fraction++
			}
		case c == '.' && fraction < 0:
			fraction = 0
		default:
			return parseOdd(word)
		}
	}
	if digits == 0 {
		return 0, false
	}
	f := float64(n) / pow10[max(fraction, 0)]
	if negative {
		f = -f
	}
	return f, true
}

// parseOdd reads what is too long or too strange for the fast way.
func parseOdd(word []byte) (float64, bool) {
	for _, c := range word {
		if c == '_' || c == 'x' || c == 'X' || c == 'p' || c == 'P' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(word), 64)
	return f, err == nil || math.IsInf(f, 0) // a number that is too great is infinite
}

// time reads a time stamp: milliseconds, or in OpenMetrics seconds, since 1970.
func (s *Scanner) time(word []byte) (int64, bool) {
	if !s.OpenMetrics {
		ms, err := strconv.ParseInt(string(word), 10, 64)
		const most = math.MaxInt64 / 1_000_000
		return ms * 1_000_000, err == nil && ms >= -most && ms <= most
	}
	f, ok := parseNumber(word)
	return int64(f * 1e9), ok && math.Abs(f) < math.MaxInt64/1e9
}
