package ruletest

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A series has no more values than this: a year of one each 30 s.
const maxValues = 1 << 20

const notation = `write values as "70 81x12 _x3 70+2x5": a value, with x12 twelve more of it, _ for none, with +2 each greater by 2`

var (
	missing = regexp.MustCompile(`^_(?:x([0-9]+))?$`)
	given   = regexp.MustCompile(`^([+-]?` + digits + `)(?:([+-]` + digits + `)?x([0-9]+))?$`)
)

const digits = `(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?`

// values reads the notation of promtool's tests: "81x12" is 81 and twelve more, "70+2x5" is 70 and five
// more, each greater by 2; "_" is none, "_x3" three of these. No value is a NaN.
func values(text string) ([]float64, error) {
	var all []float64
	for word := range strings.FieldsSeq(text) {
		first, step, count, err := item(word)
		if err != nil {
			return nil, err
		}
		if math.IsInf(first+float64(max(count-1, 0))*step, 0) {
			return nil, fmt.Errorf("%q grows too large", word)
		}
		if len(all)+count > maxValues {
			return nil, fmt.Errorf("more than %d values", maxValues)
		}
		for i := range count {
			all = append(all, first+float64(i)*step)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no value")
	}
	return all, nil
}

// item reads a word: count values from first.
func item(word string) (first, step float64, count int, err error) {
	if m := missing.FindStringSubmatch(word); m != nil {
		if m[1] == "" {
			return math.NaN(), 0, 1, nil
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n > maxValues {
			return 0, 0, 0, fmt.Errorf("more than %d values", maxValues)
		}
		return math.NaN(), 0, n, nil
	}
	m := given.FindStringSubmatch(word)
	if m == nil {
		return 0, 0, 0, fmt.Errorf("%q is not a value", word)
	}
	if first, err = strconv.ParseFloat(m[1], 64); err != nil {
		return 0, 0, 0, fmt.Errorf("%q is too large", m[1])
	}
	if m[2] != "" {
		if step, err = strconv.ParseFloat(m[2], 64); err != nil {
			return 0, 0, 0, fmt.Errorf("%q is too large", m[2])
		}
	}
	if m[3] == "" {
		return first, step, 1, nil
	}
	n, err := strconv.Atoi(m[3])
	if err != nil || n >= maxValues {
		return 0, 0, 0, fmt.Errorf("more than %d values", maxValues)
	}
	return first, step, n + 1, nil
}
