package nvidiasmi

import (
	"bytes"
	"strconv"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// A scale leads from a unit as nvidia-smi writes it to a base unit. The factor is a quotient, so that
// 87 % becomes the float nearest to 0.87 and not 87 times the one nearest to 0.01.
type scale struct {
	unit     sdk.Unit
	mul, div float64
}

var scales = map[string]scale{
	"%":       {"ratio", 1, 100},
	"B":       {"bytes", 1, 1},
	"KiB":     {"bytes", 1 << 10, 1},
	"MiB":     {"bytes", 1 << 20, 1},
	"GiB":     {"bytes", 1 << 30, 1},
	"MB":      {"bytes", 1 << 20, 1}, // what drivers before 331 print for MiB
	"B/s":     {"bytes_per_second", 1, 1},
	"KB/s":    {"bytes_per_second", 1000, 1},
	"MB/s":    {"bytes_per_second", 1e6, 1},
	"W":       {"watts", 1, 1},
	"mW":      {"watts", 1, 1000},
	"C":       {"celsius", 1, 1},
	"MHz":     {"hertz", 1e6, 1},
	"s":       {"seconds", 1, 1},
	"ms":      {"seconds", 1, 1e3},
	"us":      {"seconds", 1, 1e6},
	"ns":      {"seconds", 1, 1e9},
	"mV":      {"volts", 1, 1000},
	"V":       {"volts", 1, 1},
	"x":       {"", 1, 1},
	"bank(s)": {"", 1, 1},
	"":        {"", 1, 1},
}

// scaleOf returns the scale of a unit, and false for one that nobody knows here.
func scaleOf(unit []byte) (scale, bool) {
	s, ok := scales[string(unit)]
	return s, ok
}

func (s scale) apply(v float64) float64 { return v * s.mul / s.div }

// quantity splits "11441 MiB" into a number and its unit. What is no number (N/A, [Not Supported], GPU
// is lost, ERR!, nothing at all) is not ok: a reading that the driver does not give is absent.
func quantity(text []byte) (number float64, unit []byte, ok bool) {
	text = bytes.TrimSpace(text)
	number, n := leadingNumber(text)
	if n == 0 {
		return 0, nil, false
	}
	return number, bytes.TrimSpace(text[n:]), true
}

// leadingNumber reads the number at the start of text, a long one and one with commas between thousands included, and
// returns how many bytes it takes: 0 where there is none.
func leadingNumber(text []byte) (number float64, n int) {
	number, n = decimal.Parse(text)
	if n == 0 || n < len(text) && text[n] == ',' {
		for n = 0; n < len(text) && bytes.IndexByte([]byte("+-.,0123456789"), text[n]) >= 0; n++ {
		}
		if n == 0 {
			return 0, 0
		}
		var err error
		if number, err = strconv.ParseFloat(string(bytes.ReplaceAll(text[:n], comma, nil)), 64); err != nil {
			return 0, 0
		}
	}
	if n < len(text) && !ends(text[n]) {
		return 0, 0
	}
	return number, n
}

// ends reports whether a number may end before c: "16x" and "30 C" are numbers, "0x1F" and "3g.40gb"
// are not.
func ends(c byte) bool {
	return c == ' ' || c == '\t' || c == '%' || c == 'x' || c == 'W' || c == 'C' || c == 'M'
}

// bitmask reads "0x00000000000001FF" or the decimal "511".
func bitmask(text []byte) (mask uint64, ok bool) {
	text = bytes.TrimSpace(text)
	base := 10
	if len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		base, text = 16, text[2:]
	}
	if len(text) > 20 {
		return 0, false
	}
	mask, err := strconv.ParseUint(string(text), base, 64)
	return mask, err == nil
}

// What drivers print in place of a value, in brackets or without.
var nonValues = map[string]bool{
	"":              true,
	"N/A":           true,
	"Not Available": true,
	"Not Supported": true,
	"Requested functionality has been deprecated": true,
	"Insufficient Permissions":                    true,
	"GPU is lost":                                 true,
	"GPU requires reset":                          true,
	"Unknown Error":                               true,
	"Unknown":                                     true,
	"Not Found":                                   true,
	"Uninitialized":                               true,
	"Timeout":                                     true,
	"ERR!":                                        true,
	"Error":                                       true,
}

// word returns the text of a value that is no number, such as a driver's version, and false for what
// stands in place of one.
func word(text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if n := len(text); n >= 2 && text[0] == '[' && text[n-1] == ']' {
		return nil, false
	}
	return text, !nonValues[string(text)]
}

// isUnknown reports whether the driver could not read a value that it has.
func isUnknown(text []byte) bool {
	return string(bytes.Trim(text, " \t\r\n[]")) == "Unknown Error"
}

// isLost reports whether the driver says in place of a value that the GPU is gone.
func isLost(text []byte) bool {
	text = bytes.Trim(text, " \t\r\n[]")
	return string(text) == "GPU is lost" || string(text) == "GPU requires reset"
}
