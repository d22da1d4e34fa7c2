package prometheus

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// total is one of the agent's own figures, on its way to the page.
type total struct {
	column
	labels string
	value  float64
}

// appendTotals writes the agent's own figures as families of their own.
func (pg *page) appendTotals(totals iter.Seq[sdk.Total]) {
	var all []total
	for t := range totals {
		c := column{family: legalName(t.Name), help: t.Help}
		if t.Kind == sdk.Counter {
			c.kind = counter
		}
		all = append(all, total{c, labelsOf(nil, t.Tags), t.Value})
	}
	slices.SortStableFunc(all, func(a, b total) int {
		return cmp.Or(strings.Compare(a.family, b.family), strings.Compare(a.labels, b.labels))
	})
	names := make(map[string]bool, len(all))
	for _, t := range all {
		names[t.family] = true
	}
	text := pg.text
	for i, t := range all {
		if i == 0 || all[i-1].family != t.family {
			h := newHeads(t.family, t.help, t.kind)
			switch {
			case pg.format == plainText:
				text = append(text, h.text...)
			case h.stem != t.family && names[h.stem]:
				text = append(text, h.unknown...)
			default:
				text = append(text, h.metrics...)
			}
		} else if all[i-1].labels == t.labels {
			continue
		}
		if pg.format == openMetrics && t.kind == counter && math.IsNaN(t.value) {
			continue
		}
		text = append(append(text, t.family...), t.labels...)
		text = append(appendNumber(text, t.value), '\n')
	}
	pg.text = text
}
