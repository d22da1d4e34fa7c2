package naming

import (
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// writeDCGM makes a metric of each field of m. The first takes m's place.
func (p *Naming) writeDCGM(b *sdk.Batch, m *sdk.Metric, r *row) {
	rest := p.said
	if m.Mask() == nil {
		rest = p.said[1:]
	}
	for i := range rest {
		to := b.Add(p.dcgmSeries(b, r, rest[i].column), m.Time())
		carry(b, m, to)
		rest[i].set(to)
		markRead(to, rest[i:i+1])
	}
	if m.Mask() == nil {
		b.Move(m, p.dcgmSeries(b, r, p.said[0].column))
		m.Clear()
		p.said[0].set(m)
		markRead(m, p.said[:1])
	}
}

// set fills a metric. What only travelled along with a result is no result: it has the series of its
// samples, so that there is one of it and not one more for each window.
func (s *said) set(m *sdk.Metric) {
	if m.Class() == sdk.ClassResult && !s.column.name.Result {
		m.SetOrigin(m.Series())
		m.SetClass(sdk.ClassSample)
	}
	m.Set(s.column.name.Field, s.value)
}

func (p *Naming) dcgmSeries(b *sdk.Batch, r *row, c *column) *sdk.Series {
	g := r.State.gpu
	if c.series == nil || c.series.Left() || c.revision != g.revision {
		leave := ofWindow
		if c.name.Result {
			leave = nothing
		}
		c.series, c.revision = g.dcgm(b, c.name.Measurement, r.Series, leave), g.revision
	}
	return c.series
}

var xidName, _ = vocabulary.AsDCGM(vocabulary.GPU, "xid")

// writeXID adds the reading that dcgm-exporter makes of an XID. The event itself passes.
func (p *Naming) writeXID(b *sdk.Batch, m *sdk.Metric, r *row) {
	number, err := strconv.ParseUint(m.Tag(vocabulary.TagCode), 10, 32)
	g := r.State.gpu
	if err != nil || !g.claim(r.State.scope, vocabulary.GPU, "xid").take(r.State.rank, m.Time(), p.maxGap) {
		return
	}
	to := b.Add(g.dcgm(b, xidName.Measurement, r.Series, ofEvent), m.Time())
	to.Set(xidName.Field, sdk.FloatValue(float64(number)))
}

// dcgm returns the series of a metric of dcgm-exporter, with labels that say what the tags of s say, but
// for those that are to be left.
func (g *gpu) dcgm(b *sdk.Batch, metric string, s *sdk.Series, leave func(key string) bool) *sdk.Series {
	var room [24]sdk.Tag
	tags := append(room[:0], sdk.Tag{Key: vocabulary.DCGMDriver, Value: g.driver})
	if index := s.Tag(vocabulary.TagIndex); index != "" {
		tags = append(tags, sdk.Tag{Key: vocabulary.DCGMDevice, Value: "nvidia" + index})
	}
	return b.Series(metric, rename(tags, s, vocabulary.DCGMTag, leave)...)
}

// rename appends the tags of s under their other names. A tag of the operator's own that has such a name
// gives way, as the first of two equal keys wins.
func rename(tags []sdk.Tag, s *sdk.Series, name func(key string) (string, bool), leave func(key string) bool) []sdk.Tag {
	for _, t := range s.Tags() {
		if theirs, known := name(t.Key); known {
			tags = append(tags, sdk.Tag{Key: theirs, Value: t.Value}) // one without a key is left out
		}
	}
	for _, t := range s.Tags() {
		if _, known := name(t.Key); !known && !leave(t.Key) {
			tags = append(tags, t)
		}
	}
	return tags
}

func nothing(string) bool { return false }

func ofWindow(key string) bool { return key == vocabulary.TagWindow || key == vocabulary.TagPart }

func ofEvent(key string) bool {
	return key == vocabulary.TagEvent || key == vocabulary.TagCode || key == vocabulary.TagSeverity
}
