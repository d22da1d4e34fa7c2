// Package decimal reads the numbers that programs print among other text, without allocating.
package decimal

const maxDigits = 15

var powersOfTen = [maxDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// Parse reads the number at the start of text and returns how many bytes it takes: 0 where there is none, or one of
// more than 15 digits. It knows no exponents and no plus sign. The result is the float nearest to the decimal: up to
// 15 digits and powers of ten are exact floats, so only the division rounds.
func Parse(text []byte) (number float64, n int) {
	var mantissa int64
	digits, fraction := 0, -1
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		n = 1
	}
loop:
	for ; n < len(text); n++ {
		switch c := text[n]; {
		case '0' <= c && c <= '9':
			if digits++; digits > maxDigits {
				return 0, 0
			}
			mantissa = mantissa*10 + int64(c-'0')
			if fraction >= 0 {
				fraction++
			}
		case c == '.' && fraction < 0:
			fraction = 0
		default:
			break loop
		}
	}
	if digits == 0 {
		return 0, 0
	}
	number = float64(mantissa) / powersOfTen[max(fraction, 0)]
	if negative {
		number = -number
	}
	return number, n
}
