package tegrastats

import (
	"bytes"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

// What tegrastats calls MB is 2²⁰ bytes: it shifts the kernel's kB.
func sizeUnit(unit []byte) (factor float64, ok bool) {
	switch string(unit) {
	case "B":
		return 1, true
	case "kB", "KB":
		return 1 << 10, true
	case "MB":
		return 1 << 20, true
	case "GB":
		return 1 << 30, true
	}
	return 0, false
}

// pair reads "6879/62841MB" in bytes.
func pair(text []byte) (used, total float64, ok bool) {
	used, n := decimal.Parse(text)
	if n == 0 || n == len(text) || text[n] != '/' {
		return 0, 0, false
	}
	text = text[n+1:]
	total, n = decimal.Parse(text)
	factor, known := sizeUnit(text[n:])
	return used * factor, total * factor, n > 0 && known
}

// watts reads "2801mW/2801mW", "77/77" (mW) or "1.5W": the power now. What follows it is an average, or a
// maximum, since tegrastats was started.
func watts(text []byte) (power float64, ok bool) {
	now, rest, _ := bytes.Cut(text, []byte("/"))
	power, n := decimal.Parse(now)
	if n == 0 {
		return 0, false
	}
	switch string(now[n:]) {
	case "mW":
		return power / 1000, true
	case "W":
		return power, true
	case "":
		_, n := decimal.Parse(rest)
		return power / 1000, n > 0 && n == len(rest)
	}
	return 0, false
}

// celsius reads "47.687C" or "62.9C/62.9C".
func celsius(text []byte) (degrees float64, ok bool) {
	degrees, n := decimal.Parse(text)
	return degrees, n > 0 && n < len(text) && text[n] == 'C' && (n+1 == len(text) || text[n+1] == '/')
}

// off is what tegrastats prints for a sensor without power.
const off = -256

// load is what tegrastats says of an engine or of a core: how busy it is, and its clock, or either.
type load struct {
	ratio, hertz       float64
	hasRatio, hasHertz bool
	bare               bool // a number alone, which is a clock
}

// parseLoad reads "6%@2133", "0%@[305,305]", "@[1574,1574]", "45%", "[0%,3%]@704", "@1691" or "174".
// Of several clocks, one of a GPC each, the greatest counts; of several loads, their mean.
func parseLoad(text []byte) (l load, ok bool) {
	switch text[0] {
	case '@':
	case '[':
		inside, rest, closed := bytes.Cut(text[1:], []byte("]"))
		sum, n := 0., 0
		for item := range bytes.SplitSeq(inside, []byte(",")) {
			if v, used, ok := percent(bytes.TrimSpace(item)); ok && used == len(bytes.TrimSpace(item)) {
				sum, n = sum+v, n+1
			}
		}
		if !closed || n == 0 {
			return l, false
		}
		l.ratio, l.hasRatio, text = sum/float64(n), true, rest
	default:
		v, n, isPercent := percent(text)
		switch {
		case n == 0:
			return l, false
		case isPercent:
			l.ratio, l.hasRatio = v, true
		default:
			l.hertz, l.hasHertz, l.bare = v*1e6, true, true
		}
		text = text[n:]
	}
	if len(text) == 0 {
		return l, true
	}
	if l.bare || text[0] != '@' {
		return l, false
	}
	return l, l.clocks(text[1:])
}

// clocks reads what stands behind the @.
func (l *load) clocks(text []byte) bool {
	if n := len(text); n > 1 && text[0] == '[' && text[n-1] == ']' {
		text = text[1 : n-1]
	}
	for item := range bytes.SplitSeq(text, []byte(",")) {
		item = bytes.TrimSpace(item)
		v, n := decimal.Parse(item)
		switch {
		case n == 0: // off
		case n < len(item):
			return false
		case !l.hasHertz || v*1e6 > l.hertz:
			l.hertz, l.hasHertz = v*1e6, true
		}
	}
	return l.hasHertz
}

// percent reads a number that a % may follow: then v is a share of 1.
func percent(text []byte) (v float64, n int, isPercent bool) {
	v, n = decimal.Parse(text)
	if n > 0 && n < len(text) && text[n] == '%' {
		return v / 100, n + 1, true
	}
	return v, n, false
}
