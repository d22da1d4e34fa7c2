package prometheus

import (
	"bytes"
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

	entries    map[string]*entry
	last       *entry
	families   map[string]kind // by name, as the comments say
	epoch      int             // grows when a type has changed: what was learned is outdated
	generation uint64
	scrape     uint64 // number of the one at work
	met        int    // entries met in it
	swept      bool   // entries were forgotten, whose counters may come back

	groups []*group
	byKey  map[string]*group
	bad    badLines // of the scrape at work
	odd    int      // values that are not finite
	capped int      // lines of label sets beyond the cap
	stale  int      // lines that stood twice
	ended  bool
}

// settings are what pages of one input have in common.
type settings struct {
	counters  []string // patterns
	stamps    bool     // use the page's time stamps
	raw       string   // which lines become metrics as they are: rawRest, rawAll, rawNone
	maxSeries int
	mappings  []*mapping
	extra     []sdk.Tag // tags of this server
	plain     *sdk.Schema
	growing   *sdk.Schema
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

// badLines keeps what is wrong with the first of them.
type badLines struct {
	count int
	line  int
	err   error
}

func newPage(c *sdk.Catalog, s *settings) *page {
	return &page{
		catalog: c, settings: s, entries: make(map[string]*entry), families: make(map[string]kind),
		byKey: make(map[string]*group), generation: c.Generation(),
	}
}

// read adds what stands on the page to b. now is the time of the scrape.
func (p *page) read(b *sdk.Batch, text []byte, openMetrics bool, now int64) {
	p.begin()
	for n := 1; len(text) > 0; n++ {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if p.ended {
			break
		}
		if err := p.line(b, line, openMetrics, now); err != nil {
			p.bad.count++
			if p.bad.err == nil {
				p.bad.line, p.bad.err = n, err
			}
		}
	}
	p.emit(b, now)
	p.last = nil
}

func (p *page) begin() {
	p.scrape++
	p.met, p.bad, p.odd, p.capped, p.stale, p.ended = 0, badLines{}, 0, 0, 0, false
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

func (p *page) line(b *sdk.Batch, line []byte, openMetrics bool, now int64) error {
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		line = line[1:]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	switch {
	case len(line) == 0:
		return nil
	case line[0] == '#':
		return p.comment(line, openMetrics)
	}
	e := p.guess(line)
	if e == nil {
		var err error
		if e, err = p.find(line); err != nil || e == nil {
			return err
		}
	}
	if p.last != nil {
		p.last.next = e
	}
	p.last = e
	r, err := exposition.ParseReading(line[len(e.raw):], openMetrics)
	if err != nil {
		return err
	}
	return p.take(b, e, r, now)
}

// guess returns the entry that followed the last one the time before, if the line is its.
func (p *page) guess(line []byte) *entry {
	if p.last == nil {
		return nil
	}
	e := p.last.next
	if e == nil || e.epoch != p.epoch || len(line) <= len(e.raw) || string(line[:len(e.raw)]) != e.raw {
		return nil
	}
	if e.raw[len(e.raw)-1] == '}' {
		return e
	}
	next := line[len(e.raw):]
	if exposition.NameByte(next[0], false, true) { // a longer name
		return nil
	}
	if word, _ := exposition.CutWord(next); len(word) > 0 && word[0] == '{' {
		return nil
	}
	return e
}

// find returns the entry of a line; nil where there are too many.
func (p *page) find(line []byte) (*entry, error) {
	n, err := exposition.IdentityLen(line)
	if err != nil {
		return nil, err
	}
	e := p.entries[string(line[:n])]
	if e != nil && e.epoch == p.epoch {
		return e, nil
	}
	id, err := exposition.ParseIdentity(line[:n])
	if err != nil {
		return nil, err
	}
	if e == nil {
		if p.met >= p.settings.maxSeries {
			p.capped++
			return nil, nil
		}
		e = &entry{raw: string(line[:n])}
		p.entries[e.raw] = e
	}
	e.id = id
	p.learn(e)
	return e, nil
}

// comment heeds the types that the page tells, and its end.
func (p *page) comment(line []byte, openMetrics bool) error {
	word, rest := exposition.CutWord(line[1:])
	switch string(word) {
	case "EOF":
		p.ended = openMetrics
	case "TYPE":
		name, rest := exposition.CutWord(rest)
		text, _ := exposition.CutWord(rest)
		if len(text) == 0 {
			return nil // Prometheus, too, takes this for no fault
		}
		k, ok := kinds[string(text)]
		if !ok {
			if k, ok = kinds[strings.ToLower(string(text))]; !ok {
				return errType
			}
		}
		name = bytes.Trim(name, `"`)
		if have, told := p.families[string(name)]; !told || have != k {
			p.families[string(name)] = k
			p.epoch++
		}
	}
	return nil
}
