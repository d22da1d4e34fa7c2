package naming

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// writeTelegraf gives m Telegraf's tags and fields. The P-state is a tag there, so that a series ends
// with it: dashboards ask for it so.
func (p *Naming) writeTelegraf(b *sdk.Batch, m *sdk.Metric, r *row) {
	r.State.gpu.observe(m, r.State.rank, p.maxGap)
	s, to := r.State.telegraf(b, r.Series), m
	if m.Mask() != nil {
		to = b.Add(s, m.Time())
		carry(b, m, to)
	} else {
		b.Move(m, s)
		m.Clear()
	}
	for i := range p.said {
		to.Set(p.said[i].column.name.Field, p.said[i].value)
	}
	markRead(to, p.said)
}

var pstates = [...]string{
	"P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "P15",
}

// observe takes over the P-state that m tells, if it is of the best source that does.
func (g *gpu) observe(m *sdk.Metric, from rank, maxGap int64) {
	v, ok := m.Number("pstate")
	if ok && v >= 0 && v < float64(len(pstates)) && g.pstateClaim.take(from, m.Time(), maxGap) {
		g.pstate = int(v)
	}
}

func (s *state) telegraf(b *sdk.Batch, from *sdk.Series) *sdk.Series {
	g := s.gpu
	if s.series != nil && !s.series.Left() && s.pstate == g.pstate && s.revision == g.revision {
		return s.series
	}
	var room [24]sdk.Tag
	tags := append(room[:0], sdk.Tag{Key: vocabulary.TelegrafComputeMode, Value: g.mode})
	if g.pstate != unknown {
		tags = append(tags, sdk.Tag{Key: vocabulary.TelegrafPState, Value: pstates[g.pstate]})
	}
	tags = rename(tags, from, vocabulary.TelegrafTag, nothing)
	s.series, s.pstate, s.revision = b.Series(vocabulary.TelegrafMeasurement, tags...), g.pstate, g.revision
	return s.series
}
