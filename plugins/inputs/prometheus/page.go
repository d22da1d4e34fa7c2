package prometheus

import (
	"errors"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// page is what is remembered of one server's page. It belongs to one goroutine. A page has the same lines
// each time, in the same order, so that most lines are found by comparing them with the one that followed
// last time.
type page struct {
	catalog  *sdk.Catalog
	settings *settings

	scanner    exposition.Scanner
	entries    map[string]*entry
	last       *entry          // of the sample before
	families   map[string]kind // by name, as the comments say
	epoch      int             // grows when a type has changed: entries of an older epoch are to be learned anew
	generation uint64
	scrape     uint64 // number of the one at work
	met        int    // entries met in it
	swept      bool   // entries were forgotten: a counter that is new may be one of them that has come back

	groups []*group
	byKey  map[string]*group
	odd    int // values of this scrape that are not finite
	capped int // lines of label sets beyond the cap
}

// settings are what pages of one input have in common.
type settings struct {
	counters  []string // patterns
	stamps    bool     // use the page's time stamps
	raw       string   // which lines become metrics as they are: rawRest, rawAll, rawNone
	maxSeries int
	mappings  []*mapping
	extra     []sdk.Tag   // tags of this server
	plain     *sdk.Schema // of a sample that is no counter
	growing   *sdk.Schema // of a counter
}

const (
	rawRest = "rest"
	rawAll  = "all"
	rawNone = "none"
)

// entry is a line's identity, and what becomes of its value.
type entry struct {
	raw     string
	id      exposition.Identity
	series  *sdk.Series // nil where the line is no metric of its own, or the catalog was full
	metric  bool
	schema  *sdk.Schema
	taps    []tap
	scrape  uint64 // last met in
	epoch   int
	value   float64 // of the last scrape that had a finite one
	lost    bool    // the last value was not finite: by how much a counter has grown since is not known
	next    *entry
	growing bool
}

// kind is the type of a family.
type kind uint8

const (
	untyped kind = iota
	gauge
	counter
	histogram
	summary
	info
	stateSet
	gaugeHistogram
)

var kinds = map[string]kind{
	"untyped": untyped, "unknown": untyped, "gauge": gauge, "counter": counter, "histogram": histogram, "summary": summary,
	"info": info, "stateset": stateSet, "gaugehistogram": gaugeHistogram, "gauge_histogram": gaugeHistogram,
}

var (
	errDouble = errors.New("stands on the page twice")
	errType   = errors.New("no valid type")
)

func newPage(c *sdk.Catalog, s *settings) *page {
	p := &page{
		catalog: c, settings: s, entries: make(map[string]*entry), families: make(map[string]kind),
		byKey: make(map[string]*group), generation: c.Generation(),
	}
	p.scanner.Type = p.setType
	return p
}

// read adds what stands on the page to b. now is the time of the scrape.
func (p *page) read(b *sdk.Batch, text []byte, openMetrics bool, now int64) {
	p.begin()
	s := &p.scanner
	s.OpenMetrics = openMetrics
	for s.Reset(text); s.Next(); {
		e, err := p.find()
		if e != nil {
			err = p.take(b, e, s.Reading, now)
		}
		if err != nil {
			s.Refuse(err)
		}
		if s.Expect = ""; p.last != nil && p.last.next != nil {
			s.Expect = p.last.next.raw
		}
	}
	p.emit(b, now)
	p.last = nil
}

func (p *page) begin() {
	p.scrape++
	p.met, p.odd, p.capped = 0, 0, 0
	if g := p.catalog.Generation(); g != p.generation {
		p.generation = g
		for _, e := range p.entries {
			if e.series != nil && e.series.Left() {
				e.series = nil
			}
		}
	}
	if len(p.entries) > 2*p.settings.maxSeries {
		p.sweep()
	}
	if len(p.families) > 2*p.settings.maxSeries { // the page tells them anew
		clear(p.families)
		p.epoch++
	}
}

// unlearned is the epoch of an entry of which nothing is known.
const unlearned = -1

// sweep forgets the lines that the last page did not have.
func (p *page) sweep() {
	for raw, e := range p.entries {
		e.next, e.taps, e.epoch = nil, nil, unlearned
		if e.scrape != p.scrape-1 {
			delete(p.entries, raw)
		}
	}
	p.swept = true
	p.sweepGroups()
}

// find returns the entry of the sample at hand; nil where there are too many.
func (p *page) find() (*entry, error) {
	head := p.scanner.Head
	var e *entry
	if p.last != nil && p.last.next != nil && p.last.next.raw == string(head) {
		e = p.last.next
	} else {
		e = p.entries[string(head)]
	}
	if e == nil || e.epoch != p.epoch {
		id, err := p.scanner.Identity()
		if err != nil {
			return nil, err
		}
		if e == nil {
			if p.met >= p.settings.maxSeries {
				p.capped++
				return nil, nil
			}
			e = &entry{raw: string(head)}
			p.entries[e.raw] = e
		}
		e.id = id
		p.learn(e)
	}
	if p.last != nil {
		p.last.next = e
	}
	p.last = e
	return e, nil
}

// setType heeds the type of a family, as the page tells it.
func (p *page) setType(name, text []byte) error {
	if len(text) == 0 {
		return nil // Prometheus, too, takes this for no fault
	}
	k, ok := kinds[string(text)]
	if !ok {
		if k, ok = kinds[strings.ToLower(string(text))]; !ok {
			return errType
		}
	}
	if have, told := p.families[string(name)]; !told || have != k {
		p.families[string(name)] = k
		p.epoch++
	}
	return nil
}
