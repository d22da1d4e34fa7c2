package lineprotocol

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Integers up to 2⁵³ and powers of ten up to 10²² are floats without rounding, so their quotient is the
// float nearest to the decimal.
const exactInt = 1 << 53

var pow10 = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// A decimal of so many digits fits a uint64, and an int64 with either sign.
const safeDigits = 18

// scanNumber reads the number at data[i:] as line protocol writes it: 1, -2.5, 3i, 4u. It returns the
// value's bits, its type, and where it ends; an end of 0 says that it is no number or not a valid one.
// data ends with a newline.
func scanNumber(data []byte, i int) (bits uint64, typ sdk.Type, end int) {
	start := i
	negative := data[i] == '-'
	if negative {
		i++
	}
	first := i
	var n uint64
	if len(data)-i >= 8 {
		if eight, ok := eightDigits(data[i:]); ok {
			n = eight
			i += 8
		}
	}
	for ; i < len(data); i++ {
		c := data[i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + uint64(c)
	}
	digits := i - first
	if digits == 0 || digits > safeDigits || i >= len(data) {
		return scanOddNumber(data, start)
	}
	switch data[i] {
	case 'i':
		if negative {
			n = -n
		}
		return n, sdk.Int, i + 1
	case 'u':
		if negative {
			return 0, 0, 0
		}
		return n, sdk.Uint, i + 1
	case '.':
		i++
		point := i
		for ; i < len(data); i++ {
			c := data[i] - '0'
			if c > 9 {
				break
			}
			n = n*10 + uint64(c)
		}
		fraction := i - point
		if fraction == 0 || digits+fraction > safeDigits || n > exactInt || data[i] == 'e' || data[i] == 'E' {
			return scanOddNumber(data, start)
		}
		f := float64(n) / pow10[fraction]
		if negative {
			f = -f
		}
		return math.Float64bits(f), sdk.Float, i
	case ',', ' ', '\n', '\r':
		if n > exactInt {
			return scanOddNumber(data, start)
		}
		f := float64(n)
		if negative {
			f = -f
		}
		return math.Float64bits(f), sdk.Float, i
	}
	return scanOddNumber(data, start)
}

// scanOddNumber reads what scanNumber finds too long or too strange, with strconv as the library does.
func scanOddNumber(data []byte, start int) (bits uint64, typ sdk.Type, end int) {
	end = start
	for end < len(data) && data[end] != ',' && data[end] != ' ' && data[end] != '\n' && data[end] != '\r' {
		end++
	}
	if end == start {
		return 0, 0, 0
	}
	switch data[end-1] {
	case 'i':
		n, err := strconv.ParseInt(string(data[start:end-1]), 10, 64)
		if err != nil || data[start] == '+' {
			return 0, 0, 0
		}
		return uint64(n), sdk.Int, end
	case 'u':
		n, err := strconv.ParseUint(string(data[start:end-1]), 10, 64)
		if err != nil {
			return 0, 0, 0
		}
		return n, sdk.Uint, end
	}
	if c := data[start]; c != '-' && c != '.' && (c < '0' || c > '9') {
		return 0, 0, 0
	}
	f, err := strconv.ParseFloat(string(data[start:end]), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, 0, 0
	}
	return math.Float64bits(f), sdk.Float, end
}

// scanBool reads the boolean at data[i:], as scanNumber reads numbers.
func scanBool(data []byte, i int) (bits uint64, end int) {
	end = i
	for end < len(data) && data[end] != ',' && data[end] != ' ' && data[end] != '\n' && data[end] != '\r' {
		end++
	}
	switch string(data[i:end]) {
	case "t", "T", "true", "True", "TRUE":
		return 1, end
	case "f", "F", "false", "False", "FALSE":
		return 0, end
	}
	return 0, 0
}

// eightDigits returns the number that the first eight bytes of data write, and whether all are digits.
func eightDigits(data []byte) (uint64, bool) {
	const zeros = 0x3030303030303030
	w := binary.LittleEndian.Uint64(data) ^ zeros // the digits' values, the first the lowest byte
	if (w+0x0606060606060606|w)&0xf0f0f0f0f0f0f0f0 != 0 {
		return 0, false
	}
	w = w*10 + w>>8                                // each even byte: two digits
	w = (w&0x000000ff000000ff)*(100+1000000<<32) + // the upper half: all eight
		(w>>16&0x000000ff000000ff)*(1+10000<<32)
	return w >> 32, true
}

// scanStamp reads the time stamp at data[i:]; an end of 0 says that it is none of at most 18 digits, or
// of 19 that fit.
func scanStamp(data []byte, i int) (stamp int64, end int) {
	negative := data[i] == '-'
	if negative {
		i++
	}
	first := i
	var n uint64
	for len(data)-i >= 8 {
		eight, ok := eightDigits(data[i:])
		if !ok {
			break
		}
		n = n*1e8 + eight
		i += 8
	}
	for ; i < len(data); i++ {
		c := data[i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + uint64(c)
	}
	if digits := i - first; digits == 0 || digits > safeDigits+1 || n > math.MaxInt64 {
		return 0, 0
	}
	if negative {
		return -int64(n), i
	}
	return int64(n), i
}
