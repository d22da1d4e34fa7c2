package threshold

import (
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// dimension is what a quantity measures, as exponents of what units are made of. Ratios and counts have
// none; a watt is a joule per second, a hertz one per second.
type dimension struct{ seconds, joules, bytes, celsius, volts int8 }

func (d dimension) times(e dimension, sign int8) dimension {
	return dimension{
		d.seconds + sign*e.seconds, d.joules + sign*e.joules, d.bytes + sign*e.bytes,
		d.celsius + sign*e.celsius, d.volts + sign*e.volts,
	}
}

var dimensions = map[sdk.Unit]dimension{
	"":           {},
	"ratio":      {},
	"seconds":    {seconds: 1},
	"hertz":      {seconds: -1},
	"per_second": {seconds: -1},
	"joules":     {joules: 1},
	"watts":      {joules: 1, seconds: -1},
	"bytes":      {bytes: 1},
	"celsius":    {celsius: 1},
	"volts":      {volts: 1},
}

// dimensionOf returns what a field's unit measures, and false for a unit that nobody knows.
func dimensionOf(u sdk.Unit) (dimension, bool) {
	base, rate := strings.CutSuffix(string(u), "_per_second")
	d, ok := dimensions[sdk.Unit(base)]
	if rate {
		d.seconds--
	}
	return d, ok
}

// String names the dimension by a field unit that has it, for messages.
func (d dimension) String() string {
	if d == (dimension{}) {
		return "a plain number"
	}
	named := []sdk.Unit{"seconds", "hertz", "joules", "watts", "bytes", "celsius", "volts"}
	for _, u := range named {
		if dimensions[u] == d {
			return string(u)
		}
	}
	for _, u := range named {
		if dimensions[u].times(dimensions["seconds"], -1) == d {
			return string(u) + " per second"
		}
	}
	return "another unit"
}

// unit is what may follow a number.
type unit struct {
	symbol string
	base   sdk.Unit
	factor float64 // a number with this unit × factor = the number in base units
}

var units = []unit{
	{"%", "ratio", 0.01},
	{"C", "celsius", 1},
	{"°C", "celsius", 1},
	{"mW", "watts", 1e-3},
	{"W", "watts", 1},
	{"kW", "watts", 1e3},
	{"J", "joules", 1},
	{"kJ", "joules", 1e3},
	{"MJ", "joules", 1e6},
	{"Wh", "joules", 3600},
	{"kWh", "joules", 3600e3},
	{"B", "bytes", 1},
	{"kB", "bytes", 1e3},
	{"KB", "bytes", 1e3},
	{"MB", "bytes", 1e6},
	{"GB", "bytes", 1e9},
	{"TB", "bytes", 1e12},
	{"KiB", "bytes", 1 << 10},
	{"MiB", "bytes", 1 << 20},
	{"GiB", "bytes", 1 << 30},
	{"TiB", "bytes", 1 << 40},
	{"Hz", "hertz", 1},
	{"kHz", "hertz", 1e3},
	{"MHz", "hertz", 1e6},
	{"GHz", "hertz", 1e9},
	{"ns", "seconds", 1e-9},
	{"us", "seconds", 1e-6},
	{"µs", "seconds", 1e-6},
	{"ms", "seconds", 1e-3},
	{"s", "seconds", 1},
	{"m", "seconds", 60},
	{"h", "seconds", 3600},
	{"d", "seconds", 86400},
	{"mV", "volts", 1e-3},
	{"V", "volts", 1},
}

var unitOf = func() map[string]*unit {
	m := make(map[string]*unit, len(units))
	for i := range units {
		m[units[i].symbol] = &units[i]
	}
	return m
}()

const unitsAre = "units are %, C, W, kW, J, Wh, MB, MiB, GB, GiB, MHz, GHz, ms, s, m, h and their like"

// unitMeant says what a word that is no unit was probably meant to be, or "".
func unitMeant(word string) string {
	for i := range units {
		if strings.EqualFold(units[i].symbol, word) {
			return "did you mean `" + units[i].symbol + "`?"
		}
	}
	for _, long := range []struct {
		symbol string
		names  []string
	}{
		{"%", []string{"percent", "pct"}},
		{"C", []string{"celsius", "degC", "degrees"}},
		{"W", []string{"watt", "watts"}},
		{"s", []string{"sec", "second", "seconds"}},
		{"m", []string{"min", "minute", "minutes"}},
		{"h", []string{"hour", "hours"}},
		{"B", []string{"byte", "bytes"}},
		{"GiB", []string{"G", "Gi", "gig"}},
		{"MiB", []string{"M", "Mi"}},
	} {
		if slices.Contains(long.names, word) {
			return "write `" + long.symbol + "`"
		}
	}
	return ""
}
