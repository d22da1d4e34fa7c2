package influxdb

import (
	"cmp"
	"slices"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// encoder turns batches into jobs.
type encoder struct {
	uint    string
	router  *router
	catalog *sdk.Catalog
	lines   *lineprotocol.Encoder // of that catalog
	rows    []row
}

type row struct {
	m  *sdk.Metric
	at int
	to *target
}

const noField = "no field that line protocol can hold"

// encode fills j with the lines of b, those of one target together, and returns what has no place in a line.
func (e *encoder) encode(j *job, b *sdk.Batch) lineprotocol.LeftOut {
	j.reset()
	if c := b.Catalog(); c != e.catalog {
		options := lineprotocol.EncoderOptions{Unsigned: lineprotocol.UnsignedAsInt}
		if e.uint == "u" {
			options.Unsigned = lineprotocol.UnsignedSuffix
		}
		e.catalog, e.lines = c, lineprotocol.NewEncoder(c, options)
	}
	before := e.lines.LeftOut()
	i := 0
	for m := range b.All() {
		e.rows = append(e.rows, row{m, i, e.router.target(m)})
		i++
	}
	if e.router.fixed == nil {
		slices.SortStableFunc(e.rows, func(a, b row) int { return cmp.Compare(a.to.order, b.to.order) })
	}
	for _, r := range e.rows {
		start := len(j.text)
		text, ok := e.lines.Append(j.text, r.m)
		if !ok {
			j.refused = append(j.refused, refusal{row: r.at, reason: r.m.Series().String() + ": " + noField})
			continue
		}
		j.text = text
		j.lines = append(j.lines, line{r.at, start, len(text), r.to, r.m.Series(), r.m.Schema()})
	}
	j.id, j.encoded = b.ID, len(j.text)
	clear(e.rows)
	e.rows = e.rows[:0]
	left := e.lines.LeftOut()
	left.NotFinite -= before.NotFinite
	left.TooLarge -= before.TooLarge
	left.Metrics -= before.Metrics
	return left
}
