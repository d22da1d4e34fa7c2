package sdk

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as a number or as "512MB" (10⁶) or "32MiB" (2²⁰).
type Size int64

var sizeUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// ParseSize parses a size.
func ParseSize(text string) (Size, error) {
	factor, digits := int64(1), strings.TrimSpace(text)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(digits, u.suffix); ok {
			factor, digits = u.factor, strings.TrimSpace(rest)
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0) || n*float64(factor) > 1<<62 {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return Size(n * float64(factor)), nil
}

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range []int{8, 3, 7, 2, 6, 1, 5, 0} {
		if f := sizeUnits[u].factor; s != 0 && int64(s)%f == 0 {
			return strconv.FormatInt(int64(s)/f, 10) + sizeUnits[u].suffix
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
