package prometheus

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// column says what becomes of one field: the family that it belongs to, and how its value is written.
type column struct {
	family, help string
	reason       string // the label reason, for what was split by it in the field's name
	peak         string // for a maximum and its time, the family of the maximum
	kind         kind
	instant      bool // the value is an instant in Unix ns, and is shown in seconds
}

// statistics are what windows say of fields.
var statistics = vocabulary.Results()

// asShown returns how the page calls a statistic, and explains it, where that differs from the stream.
func asShown(r vocabulary.Result) (suffix, help string) {
	switch r.Suffix {
	case "_max":
		return r.Suffix, "Greatest value of the window, held for peak_hold."
	case "_max_time":
		return "_max_timestamp_seconds", "When that greatest value was, in Unix seconds."
	case "_min_time":
		return "_min_timestamp_seconds", "When the least value was, in Unix seconds."
	}
	return r.Suffix, r.Help
}

// bare is the field that bears its measurement's name alone, as it is, though it be a counter: so come
// metrics that are named as others name them.
const bare = "value"

func join(measurement, field string) string {
	if field == bare {
		return measurement
	}
	return measurement + "_" + field
}

// ofSample names a field of a sample. Strings have no place on the page.
func ofSample(measurement string, f sdk.Field) (column, bool) {
	if f.Type == sdk.String {
		return column{}, false
	}
	c := column{family: legalName(join(measurement, f.Name)), help: helpOf(measurement, f.Name)}
	if kindOf(measurement, f) != sdk.Counter {
		return c, true
	}
	c.kind = counter
	if f.Name == bare {
		return c, true
	}
	name, reason := split(f.Name)
	c.family, c.reason = legalName(measurement+"_"+name), reason
	if reason != "" {
		c.help = throttleHelp
	}
	if !strings.HasSuffix(c.family, "_total") {
		c.family += "_total"
	}
	return c, true
}

// ofResult names a field of a result. Those that only travel along are left out: their samples are on
// the page.
func ofResult(measurement string, f sdk.Field) (column, bool) {
	if f.Type == sdk.String || f.Type == sdk.Bool || known(measurement, f.Name) {
		return column{}, false
	}
	for _, s := range statistics {
		measurement, base := measurement, f.Name
		part := &base
		if base == bare {
			part = &measurement
		}
		var ok bool
		if *part, ok = strings.CutSuffix(*part, s.Suffix); !ok || *part == "" {
			continue
		}
		name, reason := split(base)
		suffix, help := asShown(s)
		c := column{reason: reason, help: help + " " + helpOf(measurement, base)}
		if reason != "" {
			c.help = help + " " + throttleHelp
		}
		stem := legalName(join(measurement, name))
		c.family = stem + suffix
		switch s.Suffix {
		case "_max":
			c.peak = c.family
		case "_max_time":
			c.peak, c.instant = stem+"_max", true
		case "_min_time":
			c.instant = true
		}
		return c, true
	}
	return column{}, false
}

const throttleHelp = "Time for which the clocks were held down, by reason."

// split takes the reason out of throttle_<reason>_seconds.
func split(field string) (name, reason string) {
	if rest, ok := strings.CutPrefix(field, "throttle_"); ok {
		if reason, ok := strings.CutSuffix(rest, "_seconds"); ok && reason != "" {
			return "throttle_seconds", reason
		}
	}
	return field, ""
}

// legalName makes a name of letters, digits and underscores. A colon belongs to recording rules, and two
// leading underscores to Prometheus itself.
func legalName(name string) string {
	var b strings.Builder
	b.Grow(len(name) + 1)
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
		case r >= '0' && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
		default:
			r = '_'
		}
		b.WriteRune(r)
	}
	clean := b.String()
	for strings.HasPrefix(clean, "__") {
		clean = clean[1:]
	}
	if clean == "" {
		return "_"
	}
	return clean
}
