package dcgm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/dcgm/counters"
	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// book knows the series of a page: what each line means is found out once, and looked up by its bytes from
// then on.
type book struct {
	*fleet
	only      selector.Selector
	hostLabel bool
	keep      []string             // labels that become tags
	custom    map[string]sdk.Field // of the measurement dcgm, by DCGM's name

	entries  map[string]*entry
	entities map[string]*entity
	logs     map[string]*xidLog // by GPU
	touched  []*entity          // in this round
	last     *entry             // of the line before
	scrapes  int

	skipped *sdk.Number
	foreign *sdk.Number
	unknown int // lines of this page whose name is not known
}

// entry is a series of the page.
type entry struct {
	head    string    // as it stands on the page
	next    *entry    // that followed it last time
	entity  *entity   // nil for what is left out
	reading *reading  // nil for a custom field, and for what counts XIDs
	custom  sdk.Field // without a name where there is none
	detail  string    // of an XID, what DCGM says of it
	scrape  int       // the last one that had it
	unknown bool

	// Of a series that counts XIDs:
	counts sight // how it does; 0 where it counts none
	code   int16 // number of the XID
	window int64 // ns that it counts over; 0 where the page does not say
}

// extra is a value of a custom field.
type extra struct {
	field sdk.Field
	value float64
}

// maxSeries bounds what is remembered of a page; lines beyond are left out and counted.
const maxSeries = 100_000

// customMeasurement bears the fields that the counters file names and the vocabulary does not.
const customMeasurement = "dcgm"

func newBook(f *fleet, env *sdk.Env, labels []string, custom map[string]sdk.Field) *book {
	return &book{
		fleet: f, custom: custom,
		keep:    append([]string{labelPod, labelNamespace, labelContainer}, labels...),
		entries: make(map[string]*entry), entities: make(map[string]*entity), logs: make(map[string]*xidLog),
		skipped: env.Meter.Counter("gpuline_dcgm_skipped_series_total", fmt.Sprintf("Lines of dcgm-exporter's page beyond the first %d series; they are left out.", maxSeries)),
		foreign: env.Meter.Gauge("gpuline_dcgm_unknown_series", "", "Series on dcgm-exporter's page that are not known, such as those of switches and processors."),
	}
}

// customFields returns the fields of a counters file that the vocabulary does not know.
func customFields(list []counters.Counter) map[string]sdk.Field {
	fields := make(map[string]sdk.Field)
	for _, c := range list {
		if _, known := byName(c.Field); known || c.Kind != "gauge" && c.Kind != "counter" {
			continue
		}
		f := sdk.Field{Name: strings.ToLower(c.Field), Type: sdk.Float}
		if c.Kind == "counter" {
			f.Kind = sdk.Counter
		}
		fields[c.Field] = f
	}
	return fields
}

// take takes a line of the page.
func (k *book) take(s *exposition.Scanner) {
	e := k.lookUp(s)
	if s.Expect = ""; k.last != nil && k.last.next != nil {
		s.Expect = k.last.next.head
	}
	if e == nil {
		k.skipped.Add(1)
		return
	}
	e.scrape = k.scrapes
	if e.unknown {
		k.unknown++
	}
	if e.entity == nil {
		return
	}
	if e.entity.round != k.round {
		e.entity.round = k.round
		k.touched = append(k.touched, e.entity)
	}
	switch {
	case e.reading == nil:
		k.takeOther(e, s.Value)
	case e.reading.slot == slotXID && k.figures.count(e.entity.sheet.put(e.reading, s.Value, e.entity.best)):
		e.entity.xidDetail = e.detail
	case e.reading.slot != slotXID:
		k.put(e.entity, e.reading, s.Value)
	}
}

// takeOther takes a value of a field that is in no vocabulary. Where an entity has several, one for each XID, they
// are added up.
func (k *book) takeOther(e *entry, v float64) {
	if e.counts != 0 && !k.figures.count(e.entity.xids.count(e.counts, int64(e.code), e.window, v, k.round)) || e.custom.Name == "" {
		return
	}
	if math.IsNaN(v) || math.IsInf(v, 0) || mayBeBlank(v) {
		k.figures.count(blank)
		return
	}
	extras := e.entity.extras
	for i := range extras {
		if extras[i].field.Name == e.custom.Name {
			extras[i].value += v
			return
		}
	}
	e.entity.extras = append(extras, extra{e.custom, v})
}

// lookUp returns the entry of a line, or nil where there are too many. A page has the same lines in the same
// order each time, so it is mostly the one that followed last time.
func (k *book) lookUp(s *exposition.Scanner) *entry {
	if k.last != nil && k.last.next != nil && k.last.next.head == string(s.Head) {
		k.last = k.last.next
		return k.last
	}
	e := k.entries[string(s.Head)]
	if e == nil {
		if len(k.entries) >= maxSeries {
			return nil
		}
		e = k.learn(s)
		e.head = string(s.Head)
		k.entries[e.head] = e
	}
	if k.last != nil {
		k.last.next = e
	}
	k.last = e
	return e
}

// learn finds out what a line means.
func (k *book) learn(s *exposition.Scanner) *entry {
	e := new(entry)
	head, err := s.Identity()
	l := readLabels(head.Labels)
	r, known := byName(head.Name)
	custom, listed := k.custom[head.Name]
	counts := countedBy[head.Name]
	switch {
	case err != nil, !l.isGPU(), !known && !listed && counts == 0, known && r.slot < 0:
		e.unknown = true
		return e
	case !k.only.Wants(l.id.gpu()):
		return e
	}
	if !k.hostLabel {
		l.id.host = ""
	}
	for _, name := range k.keep {
		if v := l.value(name); v != "" {
			l.id.more = append(l.id.more, sdk.Tag{Key: name, Value: v})
		}
	}
	e.entity = k.entity(&l)
	e.detail = l.errMessage
	if known {
		e.reading = r
		return e
	}
	e.custom, e.counts = custom, counts
	if ms, err := strconv.ParseUint(l.window, 10, 32); err == nil {
		e.window = int64(ms) * int64(time.Millisecond)
	}
	if code, err := strconv.ParseInt(l.xid, 10, 16); err == nil { // else the page says that there was none
		e.code = int16(code)
	}
	return e
}

// entity returns what the row of a line is made for.
func (k *book) entity(l *labels) *entity {
	tags := l.id.tags()
	var key strings.Builder
	for _, t := range tags {
		key.WriteString(t.Key + "\x00" + t.Value + "\x00")
	}
	e := k.entities[key.String()]
	if e == nil {
		e = newEntity(k.admit(l.id), tags)
		e.xids = k.xidLog(l.id)
		k.entities[key.String()] = e
	}
	for i, text := range l.texts {
		if text != "" {
			e.texts[i] = text
		}
	}
	return e
}

// xidLog returns what is known of the XIDs of a GPU, or of the one that an instance is of.
func (k *book) xidLog(id identity) *xidLog {
	id.gi, id.ci = "", ""
	x := k.logs[id.key()]
	if x == nil {
		x = &xidLog{born: k.round, round: absent, settled: absent, tags: id.tags(), codes: make(map[int64]*xidCount)}
		k.logs[id.key()] = x
	}
	return x
}
