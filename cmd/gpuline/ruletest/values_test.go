package ruletest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValues(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		all, err := values(text)
		got := strings.Trim(fmt.Sprint(all), "[]")
		if err != nil {
			got = err.Error()
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: -want +got\n%s", text, d)
		}
	}
	f("70", "70")
	f("70 81x3 74", "70 81 81 81 81 74") // the examples of promtool's documentation, as the next two
	f("-2+4x3", "-2 2 6 10")
	f(" 1-2x4", "1 -1 -3 -5 -7")
	f("1 _ 2", "1 NaN 2")
	f("1 _x3 2", "1 NaN NaN NaN 2")
	f("_x0 1", "1")
	f("1x0", "1")
	f("0+0.1x3", "0 0.1 0.2 0.30000000000000004")
	f("1e3 1.5e-3+1e-3x1 .5 5.", "1000 0.0015 0.0025 0.5 5")
	f("0x48", strings.TrimSpace(strings.Repeat("0 ", 49))) // not a hexadecimal number
	f("\n1\t2\n", "1 2")

	f("", "there is no value")
	f("_x0", "there is no value")
	f("81y13", `"81y13" is not a value`)
	f("1+2", `"1+2" is not a value`)
	f("1 x3", `"x3" is not a value`)
	f("1x-3", `"1x-3" is not a value`)
	f("NaN", `"NaN" is not a value`)
	f("stale", `"stale" is not a value`)
	f("1e999", `"1e999" is too large`)
	f("1e308+1e308x3", `"1e308+1e308x3" grows too large`)
	f("1x1048576", "more than 1048576 values")
	f("1x99999999999999999999", "more than 1048576 values")
	f("_x1048577", "more than 1048576 values")
	f("1x1048000 _x1000", "more than 1048576 values")
}

func FuzzValues(f *testing.F) {
	for _, text := range []string{"70 81x12 74", "-2+4x3 _x2 1e-5", "1.5.5", "x", "_x", "1e308+1e308x9", "0+0x1048575"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := values(text)
		if err == nil && (len(all) == 0 || len(all) > maxValues) {
			t.Errorf("%q gives %d values", text, len(all))
		}
		for _, v := range all {
			if math.IsInf(v, 0) {
				t.Fatalf("%q gives an infinity", text)
			}
		}
	})
}
