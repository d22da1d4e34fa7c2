package nvidiasmi

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// plan is a selective query: which columns are asked for, and what they mean. Rows are read by the order
// asked, since nvidia-smi rewrites names in its header.
type plan struct {
	columns []column
	asked   set // the readings that the columns give
}

// column is one property of --query-gpu.
type column struct {
	name  string
	slot  int
	rank  uint8
	scale *scale // from the header; nil until it was seen, or where it names no unit
	dead  bool   // the header names a unit that nobody knows
}

// The first columns say whose row it is.
const (
	columnIndex = iota
	columnUUID
	columnName
	columnBus
	identityColumns
)

var identityNames = [identityColumns]string{"index", "uuid", "name", "pci.bus_id"}

// newPlan asks for the readings in wanted, in the spellings that the installed nvidia-smi knows. A reading
// with several sources is asked for from each that may stand in where a better one has no value. missing
// lists the readings that this nvidia-smi does not give.
func newPlan(wanted []int, known *properties) (p *plan, missing []string) {
	p = new(plan)
	for _, slot := range wanted {
		r := &readings[slot]
		var groups []int
		for rank, name := range append([]string{r.CSV}, r.CSVOlder...) {
			group, ok := known.find(name)
			if !ok || slices.Contains(groups, group) {
				continue
			}
			groups = append(groups, group)
			p.columns = append(p.columns, column{name: name, slot: slot, rank: uint8(rank)})
		}
		if len(groups) == 0 {
			missing = append(missing, r.CSV)
			continue
		}
		p.asked.add(slot)
	}
	return p, missing
}

// width returns the number of columns.
func (p *plan) width() int { return identityColumns + len(p.columns) }

// query returns the value of --query-gpu.
func (p *plan) query() string {
	return strings.Join(append(slices.Clone(identityNames[:]), p.names()...), ",")
}

func (p *plan) names() []string {
	names := make([]string, len(p.columns))
	for i := range p.columns {
		names[i] = p.columns[i].name
	}
	return names
}

// withHeader returns the plan with the units that the header line states, such as "memory.used [MiB]".
func (p *plan) withHeader(cells [][]byte) *plan {
	next := &plan{columns: append([]column(nil), p.columns...), asked: p.asked}
	for i := range next.columns {
		c, cell := &next.columns[i], bytes.TrimSpace(cells[identityColumns+i])
		open := bytes.IndexByte(cell, '[')
		if open < 0 || cell[len(cell)-1] != ']' {
			continue
		}
		s, ok := scaleOf(cell[open+1 : len(cell)-1])
		c.scale, c.dead = &s, !ok || s.unit != readings[c.slot].Unit
	}
	return next
}

// split cuts a line into its cells.
func split(cells [][]byte, line []byte) [][]byte {
	for {
		i := bytes.IndexByte(line, ',')
		if i < 0 {
			return append(cells, bytes.TrimSpace(line))
		}
		cells, line = append(cells, bytes.TrimSpace(line[:i])), line[i+1:]
	}
}

// read decodes the cells of a row into the sheet.
func (p *plan) read(s *sheet, cells [][]byte) {
	s.reset()
	for i := range p.columns {
		if c := &p.columns[i]; !c.dead {
			s.put(c.slot, c.rank, false, cells[identityColumns+i], c.scale)
		}
	}
}

// identify returns whose row it is.
func identify(cells [][]byte) (id identity) {
	for i, part := range [...]*[]byte{&id.index, &id.uuid, &id.name, &id.bus} {
		if text, ok := word(cells[i]); ok {
			*part = text
		}
	}
	return id
}

// lookup finds a reading of a selective query by our name or nvidia-smi's.
func lookup(name string) (slot int, ok bool) {
	if r, found := vocabulary.ByCSV(name); found {
		slot, ok = slots[r.Metric+" "+r.Name]
		return slot, ok
	}
	for _, metric := range []string{vocabulary.GPU, vocabulary.Info} {
		if slot, ok = slots[metric+" "+name]; ok {
			return slot, true
		}
	}
	return 0, false
}

// nearReading says which reading that can be asked for a name was probably meant to be.
func nearReading(name string) string {
	var names []string
	for i := range readings {
		if r := &readings[i]; r.CSV != "" {
			names = append(names, r.CSV, r.Name)
		}
	}
	if near := sdk.Nearest(name, names); near != "" {
		return "did you mean `" + near + "`?"
	}
	return "docs/metrics.md lists them"
}
