package decimal_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

func TestParse(t *testing.T) {
	f := func(text string, want float64, n int) {
		t.Helper()
		if got, used := decimal.Parse([]byte(text)); got != want || used != n {
			t.Errorf("%q: %v %d, want %v %d", text, got, used, want, n)
		}
	}
	f("", 0, 0)
	f("-", 0, 0)
	f(".", 0, 0)
	f("5", 5, 1)
	f("-256C", -256, 4)
	f("43.218C", 43.218, 6)
	f("62.9C/1C", 62.9, 4)
	f("1.2.3", 1.2, 3)
	f("0.1", 0.1, 3)
	f("999999999999999", 999999999999999, 15)
	f("1234567890123456", 0, 0)
}

// What has up to 15 digits is the float that strconv finds.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		text := strconv.FormatFloat(float64(r.Int64N(1e15)-5e14)/1e9, 'f', r.IntN(10), 64)
		want, err := strconv.ParseFloat(text, 64)
		if got, n := decimal.Parse([]byte(text)); err != nil || got != want || n != len(text) {
			t.Fatalf("%s: %v, want %v", text, got, want)
		}
	}
}
