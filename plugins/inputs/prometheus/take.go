package prometheus

import (
	"math"
	"path"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// field is what a metric's only field is called: outputs.prometheus writes such a metric under its
// measurement's name alone.
const field = "value"

// learn finds out what becomes of an entry's value.
func (p *page) learn(e *entry) {
	e.epoch, e.series = p.epoch, nil
	if e.taps == nil { // they follow from its name and labels alone
		for _, m := range p.settings.mappings {
			p.tapAll(e, m)
		}
	}
	e.growing = p.grows(e.id.Name)
	switch p.settings.raw {
	case rawAll:
		e.metric = true
	case rawRest:
		e.metric = len(e.taps) == 0
	}
	e.schema = p.settings.plain
	if e.growing {
		e.schema = p.settings.growing
	}
}

// familySuffixes are what a sample's name may have beyond that of its family.
var familySuffixes = []string{"_bucket", "_count", "_sum", "_total", "_created", "_gcount", "_gsum", "_info"}

// grows reports whether a sample is a counter: by the type of its family, else by its name.
func (p *page) grows(name string) bool {
	k, told := p.families[name]
	suffix := ""
	if !told {
		for _, s := range familySuffixes {
			stem, ok := strings.CutSuffix(name, s)
			if !ok {
				continue
			}
			if k, told = p.families[stem]; told {
				suffix = s
				break
			}
		}
	}
	switch k {
	case counter:
		return suffix == "" || suffix == "_total"
	case histogram:
		return suffix == "_bucket" || suffix == "_count" || suffix == "_sum"
	case summary:
		return suffix == "_count" || suffix == "_sum"
	case untyped:
		for _, glob := range p.settings.counters {
			if ok, _ := path.Match(glob, name); ok {
				return true
			}
		}
	}
	return false
}

// take takes a value into b, and to the mapped fields that it belongs to.
func (p *page) take(b *sdk.Batch, e *entry, r exposition.Reading, now int64) error {
	if e.scrape == p.scrape {
		return errDouble
	}
	if p.met >= p.settings.maxSeries {
		p.capped++
		return nil
	}
	p.met++
	if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
		e.scrape, e.lost = p.scrape, true
		p.odd++
		return nil
	}
	grown, known := p.growth(e, r.Value)
	fell := e.scrape != 0 && r.Value < e.value
	e.scrape, e.value, e.lost = p.scrape, r.Value, false
	for i := range e.taps {
		if fell {
			e.taps[i].group.restarted = p.scrape
		}
		e.taps[i].take(p.scrape, r.Value, grown, known)
	}
	if !e.metric {
		return nil
	}
	if e.series == nil {
		e.series = p.catalog.Series(e.id.Name, append(e.id.Labels[:len(e.id.Labels):len(e.id.Labels)], p.settings.extra...)...)
	}
	if p.settings.stamps && r.Stamped && r.Stamp > 0 {
		now = r.Stamp
	}
	values := [1]uint64{math.Float64bits(r.Value)}
	b.AddRow(e.series, e.schema, now, values[:], nil)
	return nil
}

// growth returns by how much a counter has grown since the scrape that had it last, and false where that is
// not known: for what a server has counted before the first scrape. A counter that is less than before has
// been started anew, and one that is new on a known page has begun since; both count from 0.
func (p *page) growth(e *entry, value float64) (float64, bool) {
	switch {
	case e.lost || e.scrape == 0 && (p.scrape == 1 || p.swept):
		return 0, false
	case e.scrape != 0 && value >= e.value:
		return value - e.value, true
	}
	return value, true
}
