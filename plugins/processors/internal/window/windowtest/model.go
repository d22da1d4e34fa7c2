// Package windowtest checks windowing processors against a model that shares no code with them: it keeps
// every sample, and computes each window anew from all of them.
package windowtest

import (
	"math"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Row is a sample of a series.
type Row struct {
	Series string
	T      int64
	Fields map[string]sdk.Value // by name; a name tells the kind, see Kind
}

// Point is a value of one field.
type Point struct {
	T int64
	V float64
}

// Column is one field's points in order, with the window to compute. Points at or after the window's end
// are those that were known when it closed.
type Column struct {
	Name       string
	Kind       sdk.Kind
	Type       sdk.Type
	Points     []Point
	Start, End int64
	Edge       int64 // the end or, where the series was cut, the last sample, if that is earlier
	MaxGap     int64
}

// In returns the points in the window.
func (c *Column) In() []Point {
	var in []Point
	for _, p := range c.Points {
		if p.T >= c.Start && p.T < c.End {
			in = append(in, p)
		}
	}
	return in
}

// Hold returns for how many nanoseconds point i holds within the window.
func (c *Column) Hold(i int) float64 {
	from, to := c.Points[i].T, c.Points[i].T+c.MaxGap
	if i+1 < len(c.Points) {
		to = min(to, c.Points[i+1].T)
	}
	return float64(max(0, min(to, c.Edge)-max(from, c.Start)))
}

// Result is what a window should give. Values are float64, or int64 where the type must be Int.
type Result struct {
	Series, Part string
	Window       string // the tag; the model leaves it empty
	T            int64
	Fields       map[string]any
}

// Model is the state of the model: per series all samples that were taken.
type Model struct {
	Period, Every, Lateness, MaxGap int64
	Compute                         func(columns map[string]*Column, into map[string]any)

	series map[string]*series
	order  []string
}

type series struct {
	open    bool
	rows    []Row // in order of time, equal ones as they came
	newest  int64
	closed  int64 // windows that end by then have closed
	seen    int64
	touched bool
}

func floor(t, every int64) int64 { return int64(math.Floor(float64(t)/float64(every))) * every }

// silence is how long a series may say nothing.
func (m *Model) silence() int64 { return max(2*m.Period, 10e9) }

// Kind returns the kind of a field of the streams that [Stream] makes.
func Kind(name string) sdk.Kind {
	switch name {
	case "count", "energy_joules":
		return sdk.Counter
	case "state":
		return sdk.Info
	}
	return sdk.Gauge
}

func folded(name string, v sdk.Value) bool { return v.Type().Numeric() && Kind(name) != sdk.Info }

// Sample takes a sample in. It returns the results that stand behind it, and whether it was late.
func (m *Model) Sample(row Row) (results []Result, read, late bool) {
	for name, v := range row.Fields {
		read = read || folded(name, v) && v.Finite()
	}
	if !read {
		return nil, false, false
	}
	if m.series == nil {
		m.series = map[string]*series{}
	}
	s := m.series[row.Series]
	if s == nil {
		s = &series{}
		m.series[row.Series], m.order = s, append(m.order, row.Series)
	}
	if !s.open {
		*s = series{open: true, newest: row.T, closed: floor(row.T-m.Lateness, m.Every)}
	}
	if floor(row.T, m.Every)+m.Period <= s.closed {
		return nil, true, true
	}
	s.touched = true
	at := slices.IndexFunc(s.rows, func(r Row) bool { return r.T > row.T })
	if at < 0 {
		at = len(s.rows)
	}
	s.rows = slices.Insert(s.rows, at, row)
	s.newest = max(s.newest, row.T)
	for s.closed+m.Every <= s.newest-m.Lateness {
		s.closed += m.Every
		results = m.window(results, row.Series, s, s.closed, false)
	}
	return results, true, false
}

// Flush is the processor's Flush.
func (m *Model) Flush(now int64, final bool) (results []Result) {
	for _, name := range m.order {
		s := m.series[name]
		if s.touched {
			s.seen, s.touched = now, false
		}
		if !s.open || !final && now-s.seen < m.silence() {
			continue
		}
		for last := floor(s.newest, m.Every) + m.Period; s.closed < last; {
			s.closed += m.Every
			results = m.window(results, name, s, s.closed, true)
		}
		*s = series{}
	}
	return results
}

func (m *Model) window(results []Result, name string, s *series, end int64, cut bool) []Result {
	start, edge := end-m.Period, end
	if cut {
		edge = min(end, s.newest)
	}
	columns, last := map[string]*Column{}, map[string]sdk.Value{}
	head := false
	for i, r := range s.rows {
		begins := i == 0 || r.T-s.rows[i-1].T > max(m.silence(), m.MaxGap)
		head = head || begins && r.T > start && r.T < end
		for f, v := range r.Fields {
			if !v.Finite() {
				continue
			}
			if r.T >= start && r.T < end && (!folded(f, v) || Kind(f) == sdk.Counter) {
				last[f] = v
			}
			if !folded(f, v) {
				continue
			}
			if columns[f] == nil {
				columns[f] = &Column{Name: f, Kind: Kind(f), Type: v.Type(), Start: start, End: end, Edge: edge, MaxGap: m.MaxGap}
			}
			n, _ := v.Number()
			columns[f].Points = append(columns[f].Points, Point{r.T, n})
		}
	}
	out := Result{Series: name, T: end, Fields: map[string]any{}}
	m.Compute(columns, out.Fields)
	for f, v := range last {
		switch v.Type() {
		case sdk.Float:
			out.Fields[f] = v.Float()
		case sdk.Int:
			out.Fields[f] = v.Int()
		default:
			out.Fields[f] = v.String()
		}
	}
	if len(out.Fields) == 0 {
		return results
	}
	cut = cut && edge < end
	switch {
	case head && cut:
		out.Part = "both"
	case head:
		out.Part = "head"
	case cut:
		out.Part = "tail"
	}
	return append(results, out)
}
