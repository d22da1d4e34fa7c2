package prometheus

import "strings"

// format is one in which the page can be had. Both have the same lines; they differ in the comments.
type format uint8

const (
	plainText   format = iota // the Prometheus text format 0.0.4
	openMetrics               // OpenMetrics 1.0.0
	formats
)

var contentTypes = [formats]string{
	plainText:   "text/plain; version=0.0.4; charset=utf-8",
	openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

// kind is the type of a family.
type kind uint8

const (
	gauge kind = iota
	counter
	info // labels of a constant 1; the text format calls it a gauge
)

func (k kind) String() string { return [...]string{"gauge", "counter", "info"}[k] }

// suffix is what OpenMetrics puts behind a family's name to name its samples.
func (k kind) suffix() string { return [...]string{"", "_total", "_info"}[k] }

// heads are the comments of a family in each format.
type heads struct {
	text, metrics string
	stem          string // the family's name in OpenMetrics
	unknown       string // for OpenMetrics, where another family has the stem
}

// newHeads makes the comments of the family whose lines bear the given name. Where that is not what
// OpenMetrics demands of the type, as of counters named by others, the type there is unknown: the name is
// the same in all formats.
func newHeads(name, help string, k kind) heads {
	named := k
	if k == info {
		named = gauge
	}
	h := heads{text: head(name, help, named.String(), "", false), stem: name}
	unknown := head(name, help, "unknown", unitOf(name), true)
	stem, ok := strings.CutSuffix(name, k.suffix())
	switch {
	case !ok || stem == "":
		h.metrics = unknown
	case k == info:
		h.stem, h.metrics = stem, head(stem, help, k.String(), "", true)
	default:
		h.stem, h.metrics = stem, head(stem, help, k.String(), unitOf(stem), true)
	}
	if h.stem != name {
		h.unknown = unknown
	}
	return h
}

func head(family, help, kind, unit string, quotes bool) string {
	text := "# TYPE " + family + " " + kind + "\n"
	if help != "" {
		text = "# HELP " + family + " " + escape(help, quotes) + "\n" + text
	}
	if unit != "" {
		text += "# UNIT " + family + " " + unit + "\n"
	}
	return text
}

// units are those that a name may end in, and has it then: OpenMetrics allows no other place.
var units = []string{"watts", "joules", "seconds", "bytes", "celsius", "hertz", "ratio", "volts", "amperes", "meters", "grams"}

func unitOf(family string) string {
	for _, u := range units {
		if stem, ok := strings.CutSuffix(family, "_"+u); ok && stem != "" {
			return u
		}
	}
	return ""
}
