package tegrastats

import (
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// board turns sheets into metrics. It remembers what the chip has. It belongs to the goroutine that reads.
type board struct {
	id      identity
	tags    []sdk.Tag
	gpu     *sdk.Series
	units   [len(components)]map[string]*unit // by the names that sheets have
	engines []*unit
	round   int   // counts sheets
	last    int64 // time of the last one

	events vocabulary.Events
	onsets vocabulary.Onsets

	gpuRail string
	said    int64 // when gpu_info was last reported; 0 for never
}

// unit is a component of the chip.
type unit struct {
	series *sdk.Series
	name   string
	role   slot // of an engine: the field of the GPU that it gives, or noRole
	rated  bool // tegrastats tells its utilisation, which therefore is 0 while it is off
	round  int  // that named it last

	count   float64 // of a limit, how often it had been exceeded
	counted bool
}

const (
	noRole = slot(255)

	// maxUnits is far above what any chip has of a kind.
	maxUnits = 256

	// infoPeriod is how often gpu_info is said again where nothing has changed.
	infoPeriod = int64(5 * time.Minute)
)

func newBoard(id identity) *board {
	return &board{id: id, tags: id.tags()}
}

var fieldUp = vocabulary.Field(vocabulary.GPU, "up")

// report adds a row of the GPU and one of each part.
func (d *board) report(b *sdk.Batch, s *sheet) {
	d.round++
	d.last = max(s.at, d.last+1) // two that come in one piece are kept apart
	gpuRail := s.powers()
	d.resolve(b, s)
	d.busy(s)
	if d.gpu == nil {
		d.gpu = b.Series(vocabulary.GPU, d.tags...)
	}
	m := b.Add(d.gpu, d.last)
	m.SetNumber(fieldUp, 1)
	s.gpu.fill(m, gpuFields)
	for i := range s.parts {
		if p := &s.parts[i]; p.unit != nil && p.have != 0 {
			p.fill(b.Add(p.unit.series, d.last), socFields)
		}
	}
	d.onset(b, s)
	if string(gpuRail) != d.gpuRail {
		d.gpuRail, d.said = string(gpuRail), 0
	}
	if d.said == 0 || d.last-d.said >= infoPeriod {
		d.said = d.last
		d.id.report(b, d.tags, d.gpuRail, d.last)
	}
}

// resolve finds the unit of each part; a second part of a unit has none.
func (d *board) resolve(b *sdk.Batch, s *sheet) {
	for i := range s.parts {
		p := &s.parts[i]
		u := d.unit(b, p.component, p.name)
		if u == nil {
			s.invalid++
			continue
		}
		if u.round != d.round {
			u.round, p.unit = d.round, u
		}
	}
}

// busy completes what is known of engines. Some releases leave an engine out of the line while it is off. One
// that is off does nothing; that is said only where tegrastats says how busy it is while it is on.
func (d *board) busy(s *sheet) {
	for _, u := range d.engines {
		if u.round != d.round {
			u.round = d.round
			p := s.add(engine, nil)
			p.unit = u
			p.set(socPowered, 0)
		}
	}
	for i := range s.parts {
		p := &s.parts[i]
		if p.component != engine || p.unit == nil {
			continue
		}
		switch {
		case p.has(socUtilization):
			p.unit.rated = true
		case p.unit.rated && p.has(socPowered) && p.v[socPowered] == 0:
			p.set(socUtilization, 0)
		default:
			continue
		}
		if p.unit.role != noRole {
			s.putMost(p.unit.role, p.v[socUtilization])
		}
	}
}

// unit returns the component that a part is of, or nil where there are too many to be true.
func (d *board) unit(b *sdk.Batch, of component, name []byte) *unit {
	if u := d.units[of][string(name)]; u != nil {
		return u
	}
	if len(d.units[of]) == maxUnits {
		return nil
	}
	plain := plainName(of, name)
	for _, u := range d.units[of] { // under another spelling
		if u.name == plain {
			d.units[of][string(name)] = u
			return u
		}
	}
	u := &unit{name: plain, role: noRole, series: b.Series(vocabulary.SoC,
		sdk.Tag{Key: vocabulary.TagSource, Value: vocabulary.SourceTegrastats},
		sdk.Tag{Key: vocabulary.TagComponent, Value: components[of]},
		sdk.Tag{Key: vocabulary.TagComponentName, Value: plain})}
	if of == engine {
		u.role = roleOf(plain)
		d.engines = append(d.engines, u)
	}
	if d.units[of] == nil {
		d.units[of] = make(map[string]*unit)
	}
	d.units[of][string(name)] = u
	return u
}

// plainName returns the tag of a part: small letters, since releases differ in that, but for rails, which
// bear the names of the schematics.
func plainName(of component, name []byte) string {
	plain := string(name)
	if of == rail {
		return plain
	}
	plain = strings.ToLower(plain)
	if of != engine {
		return plain
	}
	plain = strings.TrimSuffix(strings.TrimSuffix(plain, "_freq"), "_load")
	switch plain {
	case "msenc": // what NVENC was called before
		return "nvenc"
	case "fg", "bg": // behind MTS, the translator of TX2's Denver cores
		return "mts_" + plain
	}
	return plain
}

// The engines that belong to the GPU in the vocabulary, whichever of several.
var roles = map[string]slot{"nvenc": gpuEncoder, "nvdec": gpuDecoder, "nvjpg": gpuJPEG, "ofa": gpuOFA}

func roleOf(plain string) slot {
	if role, ok := roles[strings.TrimRight(plain, "0123456789")]; ok {
		return role
	}
	return noRole
}
