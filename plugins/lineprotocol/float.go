package lineprotocol

import (
	"math"
	"strconv"
)

// Decimals of at most 15 digits and floats map to each other one to one, so the first that gives f back
// is the shortest.
const shortDecimal = 1e15

// appendFloat appends f, which is finite, in its shortest form, byte for byte as
// strconv.AppendFloat(dst, f, 'g', -1, 64) does. Readings have few decimals: those it finds by
// multiplication.
func appendFloat(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	if abs < 1e-4 || abs >= 1e12 {
		return strconv.AppendFloat(dst, f, 'g', -1, 64) // 0 and -0 as well
	}
	start := len(dst)
	if f < 0 {
		start++
		dst = append(dst, '-')
	}
	if whole := int64(abs); float64(whole) == abs {
		dst = strconv.AppendInt(dst, whole, 10)
		if whole >= 1e6 {
			dst = appendExponent(dst, start)
		}
		return dst
	}
	// A sum that is rounded the wrong way fails the comparison.
	if n := int64(abs*1e3 + 0.5); n < shortDecimal && float64(n)/1e3 == abs {
		dst = append(strconv.AppendInt(dst, n/1e3, 10), '.')
		dst = appendThree(dst, n%1e3)
	} else if n := int64(min(abs*1e6+0.5, shortDecimal)); n < shortDecimal && float64(n)/1e6 == abs {
		dst = append(strconv.AppendInt(dst, n/1e6, 10), '.')
		dst = appendThree(appendThree(dst, n/1e3%1e3), n%1e3)
	} else {
		return strconv.AppendFloat(dst, abs, 'g', -1, 64)
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if abs >= 1e6 {
		dst = appendExponent(dst, start)
	}
	return dst
}

// appendThree appends n, from 0 to 999, in three digits.
func appendThree(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// appendExponent turns the number at dst[start:], which is 1e6 or more, into the form 1.5e+06.
func appendExponent(dst []byte, start int) []byte {
	digits := dst[start:]
	exponent := len(digits) - 1
	for i, c := range digits {
		if c == '.' {
			exponent = i - 1
			copy(digits[i:], digits[i+1:])
			dst = dst[:len(dst)-1]
			break
		}
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	if len(dst) > start+1 {
		dst = append(dst, 0)
		copy(dst[start+2:], dst[start+1:])
		dst[start+1] = '.'
	}
	return append(dst, 'e', '+', byte('0'+exponent/10), byte('0'+exponent%10))
}
