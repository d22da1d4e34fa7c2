package wire

import (
	"math"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// runs is a column of which neighbours are often equal: how many, and what.
type runs struct {
	list []uint32
	any  bool // some entry is not 0
}

func (r *runs) add(v uint32) {
	r.any = r.any || v != 0
	if n := len(r.list); n > 0 && r.list[n-1] == v {
		r.list[n-2]++
		return
	}
	r.list = append(r.list, 1, v)
}

// sparse returns the column, or nothing where all entries are 0.
func (r *runs) sparse() []uint32 {
	if !r.any {
		return nil
	}
	return r.list
}

// finish writes what was taken into the message, and returns it.
func (e *Encoder) finish() *proto.Batch {
	p := e.msg
	p.Rows = uint32(len(e.rows))
	p.RowShapes = e.shape.list
	p.RowStates, p.RowAnnotations, p.RowOrigins = e.state.sparse(), e.note.sparse(), e.origin.sparse()
	p.RowTimes = make([]int64, len(e.rows))
	before := int64(0)
	for i, m := range e.rows {
		p.RowTimes[i] = m.Time() - before
		before = m.Time()
	}
	columns := 0
	for i := range e.groups {
		columns += e.groups[i].schema.Len()
	}
	all := make([]proto.Column, columns)
	p.Columns = make([]*proto.Column, 0, columns)
	for i := range e.groups {
		g := &e.groups[i]
		for slot, f := range g.schema.Fields() {
			c := &all[len(p.Columns)]
			e.column(c, g.rows, slot, f.Type)
			p.Columns = append(p.Columns, c)
		}
	}
	return p
}

func (e *Encoder) column(c *proto.Column, rows []*sdk.Metric, slot int, t sdk.Type) {
	switch t {
	case sdk.Float:
		c.Floats = make([]float64, len(rows))
		for i, m := range rows {
			c.Floats[i] = math.Float64frombits(m.Bits()[slot])
		}
	case sdk.Bool:
		c.Bools = make([]byte, (len(rows)+7)/8)
		for i, m := range rows {
			c.Bools[i/8] |= byte(m.Bits()[slot]&1) << (i % 8)
		}
	case sdk.String:
		c.Texts = make([]uint32, len(rows))
		for i, m := range rows {
			c.Texts[i] = e.text(m.Value(slot).Text())
		}
	default:
		c.Integers = make([]int64, len(rows))
		before := uint64(0)
		for i, m := range rows {
			v := m.Bits()[slot]
			c.Integers[i] = int64(v - before)
			before = v
		}
	}
}

func (e *Encoder) text(s string) uint32 {
	number, known := e.texts[s]
	if !known {
		number = uint32(len(e.texts))
		e.texts[s] = number
		if e.msg.Texts == nil {
			e.msg.Texts = &proto.Texts{}
		}
		addText(e.msg.Texts, s)
	}
	return number
}

func tallyOf(y *sdk.Tally) *proto.Tally {
	if y.Added == 0 && y.Absorbed == 0 && y.Filtered == 0 && y.Merged == 0 && y.Conflict == 0 && len(y.Drops) == 0 {
		return nil
	}
	p := &proto.Tally{Added: y.Added, Absorbed: y.Absorbed, Filtered: y.Filtered, Merged: y.Merged, Conflict: y.Conflict}
	for _, d := range y.Drops {
		p.Drops = append(p.Drops, &proto.Drop{Reason: Clean(string(d.Reason)), Count: d.Count})
	}
	return p
}

func idOf(id sdk.BatchID) *proto.BatchID {
	if id == (sdk.BatchID{}) {
		return nil
	}
	return &proto.BatchID{Agent: Clean(id.Agent), Epoch: id.Epoch, Seq: id.Seq}
}
