package wire

import (
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const (
	maxState = 1<<5 - 1 // class and marks
	maxTexts = 1 << 20  // in a message
)

func (d *Decoder) readRows(r *Rows, p *proto.Batch) error {
	n := int64(p.GetRows())
	switch {
	case n > int64(d.limits.Rows):
		return malformed("%d rows in a message, at most %d are allowed", n, d.limits.Rows)
	case int64(len(p.GetRowSeries())) != n || int64(len(p.GetRowTimes())) != n:
		return malformed("%d rows with %d series and %d times", n, len(p.GetRowSeries()), len(p.GetRowTimes()))
	}
	r.rows = make([]row, n)
	before := int64(0)
	for i, number := range p.GetRowSeries() {
		s, err := d.seriesAt(number)
		if err != nil {
			return err
		}
		before += p.GetRowTimes()[i]
		r.rows[i].series, r.rows[i].time = s, before
	}
	if err := d.groupRows(r, p.GetRowShapes()); err != nil {
		return err
	}
	err := eachRun(r.rows, "state", p.GetRowStates(), maxState, func(run []row, v uint32) {
		for i := range run {
			run[i].state = uint8(v)
		}
	})
	if err != nil {
		return err
	}
	err = eachRun(r.rows, "annotation", p.GetRowAnnotations(), len(d.notes), func(run []row, v uint32) {
		for i := range run {
			if v > 0 {
				run[i].notes = d.notes[v-1]
			}
		}
	})
	if err != nil {
		return err
	}
	return eachRun(r.rows, "origin", p.GetRowOrigins(), len(d.series), func(run []row, v uint32) {
		if v == 0 {
			return
		}
		origin, _ := d.seriesAt(v - 1)
		for i := range run {
			run[i].origin, run[i].lost = origin, origin == nil
		}
	})
}

// seriesAt returns a series of the dictionary; nil for one that the catalog has no room for.
func (d *Decoder) seriesAt(number uint32) (*sdk.Series, error) {
	if int64(number) >= int64(len(d.series)) {
		return nil, malformed("series %d of %d", number, len(d.series))
	}
	s := d.series[number]
	if s == nil {
		def := d.pending[number]
		if s = d.catalog.Series(def.name, def.tags...); s != nil {
			d.series[number] = s
			delete(d.pending, number)
		}
	} else if s.Left() {
		if again := d.catalog.Series(s.Name(), s.Tags()...); again != nil {
			s, d.series[number] = again, again
		}
	}
	return s, nil
}

// groupRows tells each row the group of its shape, in order of first sight.
func (d *Decoder) groupRows(r *Rows, list []uint32) error {
	if len(list) == 0 && len(r.rows) > 0 {
		return malformed("%d rows without a shape", len(r.rows))
	}
	if len(d.group) < len(d.shapes) {
		d.group = make([]int32, max(2*len(d.shapes), 16))
	}
	defer func() {
		for i := 1; i < len(list); i += 2 {
			if int64(list[i]) < int64(len(d.group)) {
				d.group[list[i]] = 0
			}
		}
	}()
	return eachRun(r.rows, "shape", list, len(d.shapes)-1, func(run []row, number uint32) {
		g := d.group[number]
		if g == 0 {
			r.groups = append(r.groups, columns{shape: d.shapes[number]})
			g = int32(len(r.groups))
			d.group[number] = g
		}
		r.groups[g-1].rows += len(run)
		for i := range run {
			run[i].group = g - 1
		}
	})
}

// eachRun reads a column of runs of what, with entries up to most. An empty one leaves all rows alone.
func eachRun(rows []row, what string, list []uint32, most int, set func(run []row, v uint32)) error {
	if len(list) == 0 {
		return nil
	}
	if len(list)%2 != 0 {
		return malformed("half a run of %s", what)
	}
	rest := rows
	for i := 0; i < len(list); i += 2 {
		n, v := list[i], list[i+1]
		if n == 0 || int64(n) > int64(len(rest)) || int64(v) > int64(most) {
			return malformed("a run of %d rows of %s %d, where %d rows are left and it goes up to %d", n, what, v, len(rest), most)
		}
		set(rest[:n], v)
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return malformed("the runs of %s cover %d of %d rows", what, len(rows)-len(rest), len(rows))
	}
	return nil
}

func (d *Decoder) readColumns(r *Rows, p *proto.Batch) error {
	if n := len(p.GetTexts().GetLengths()); n > maxTexts {
		return malformed("%d texts in a message", n)
	}
	var err error
	if r.texts, _, err = splitTexts(p.GetTexts()); err != nil {
		return err
	}
	rest := p.GetColumns()
	for i := range r.groups {
		g := &r.groups[i]
		fields := g.shape.schema.Fields()
		if len(rest) < len(fields) {
			return malformed("columns are missing")
		}
		g.all, rest = rest[:len(fields)], rest[len(fields):]
		for slot, f := range fields {
			if err := checkColumn(g.all[slot], f.Type, g.rows, len(r.texts)); err != nil {
				return err
			}
		}
	}
	if len(rest) > 0 {
		return malformed("%d columns belong to no field", len(rest))
	}
	return nil
}

// checkColumn checks that a column has rows entries of type t, and nothing else.
func checkColumn(c *proto.Column, t sdk.Type, rows, texts int) error {
	want := [4]int{} // floats, integers, bools, texts
	switch t {
	case sdk.Float:
		want[0] = rows
	case sdk.Bool:
		want[2] = (rows + 7) / 8
	case sdk.String:
		want[3] = rows
	default:
		want[1] = rows
	}
	if have := [4]int{len(c.GetFloats()), len(c.GetIntegers()), len(c.GetBools()), len(c.GetTexts())}; have != want {
		return malformed("a column of type %v for %d rows has %v floats, integers, bytes of bools and texts", t, rows, have)
	}
	for _, i := range c.GetTexts() {
		if int64(i) >= int64(texts) {
			return malformed("text %d of %d", i, texts)
		}
	}
	if t == sdk.Int || t == sdk.Uint { // from differences to values
		before := int64(0)
		for i := range c.Integers {
			before += c.Integers[i]
			c.Integers[i] = before
		}
	}
	return nil
}

// Deliver appends the rows to b, which is of the decoder's catalog, and adds their tally to b's. Rows
// whose series do not fit into the catalog are dropped as series_cap. It may be called once.
func (r *Rows) Deliver(b *sdk.Batch) {
	if r.ID != (sdk.BatchID{}) {
		b.ID = r.ID
	}
	b.Tally().Plus(&r.Tally)
	for i := range r.rows {
		m := &r.rows[i]
		s := m.series
		if m.lost {
			s = nil // without its origin it would be joined with the wrong rows
		}
		g := &r.groups[m.group]
		added := b.Restore(s, g.shape.schema, m.time, sdk.Marks(m.state>>2))
		if m.origin != nil {
			added.SetOrigin(m.origin)
		}
		added.SetClass(sdk.Class(m.state & 3))
		if g.shape.mask != nil {
			added.SetMask(g.shape.mask)
		}
		if g.shape.unread != nil {
			added.SetUnreadMask(g.shape.unread)
		}
		if m.notes != nil {
			added.Annotate(m.notes)
		}
		at := g.next
		g.next++
		for slot, f := range g.shape.schema.Fields() {
			c := g.all[slot]
			switch f.Type {
			case sdk.Float:
				added.Put(slot, sdk.FloatValue(c.Floats[at]))
			case sdk.Int:
				added.Put(slot, sdk.IntValue(c.Integers[at]))
			case sdk.Uint:
				added.Put(slot, sdk.UintValue(uint64(c.Integers[at])))
			case sdk.Bool:
				added.Put(slot, sdk.BoolValue(c.Bools[at/8]>>(at%8)&1 != 0))
			case sdk.String:
				added.Put(slot, sdk.StringValue(r.texts[c.Texts[at]]))
			}
		}
	}
}
