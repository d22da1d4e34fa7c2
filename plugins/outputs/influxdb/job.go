package influxdb

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// job is a batch on its way: its lines, and which of them are still to be sent.
type job struct {
	id      sdk.BatchID
	text    []byte // line protocol; behind encoded, lines in another order
	encoded int
	lines   []line
	parts   []part // to be sent, the last one first
	refused []refusal

	controls []part // a line of each target that is stored
	suspects []part // lines that got a 500 again and again: see [InfluxDB.broken]
	probes   int    // requests in search of them since one was stored
}

// line is one metric's, at text[start:end].
type line struct {
	row        int // in the order of Batch.All
	start, end int
	to         *target
	series     *sdk.Series
	schema     *sdk.Schema
}

// part is a run of lines, which are for one target and stand together in text: a request.
type part struct {
	from, to int // in lines
	failures int // 500s in a row
	sorted   bool
	rounds   int  // how often it was separated
	last     bool // a suspect that is tried a last time
}

func (p *part) len() int { return p.to - p.from }

// refusal is a metric that the server will never take.
type refusal struct {
	row    int
	reason string
	line   []byte // empty for a metric that has none
}

func (j *job) reset() {
	clear(j.lines)
	*j = job{text: j.text[:0], lines: j.lines[:0], parts: j.parts[:0], controls: j.controls[:0]}
}

// same reports whether k holds the batch of j.
func (j *job) same(k *job) bool {
	return j.id == k.id && bytes.Equal(j.text[:j.encoded], k.text[:k.encoded])
}

// plan makes a part of each target's lines, or several of at most maxBody bytes, unless that is 0.
func (j *job) plan(maxBody int) {
	for from := 0; from < len(j.lines); {
		to := from + 1
		for to < len(j.lines) && j.lines[to].to == j.lines[from].to &&
			(maxBody == 0 || j.lines[to].end-j.lines[from].start <= maxBody) {
			to++
		}
		j.parts = append(j.parts, part{from: from, to: to})
		from = to
	}
	slices.Reverse(j.parts)
}

func (j *job) target(p part) *target { return j.lines[p.from].to }

// body returns the part's lines.
func (j *job) body(p part) []byte { return j.text[j.lines[p.from].start:j.lines[p.to-1].end] }

func (j *job) push(p part) { j.parts = append(j.parts, p) }

func (j *job) pop() part {
	p := j.parts[len(j.parts)-1]
	j.parts = j.parts[:len(j.parts)-1]
	return p
}

// stored notes that p is stored.
func (j *job) stored(p part) {
	j.probes = 0
	if _, known := j.control(j.target(p)); !known {
		p.to = p.from + 1
		j.controls = append(j.controls, p)
	}
}

// control returns a line that is stored at a target.
func (j *job) control(to *target) (p part, known bool) {
	for _, p := range j.controls {
		if j.target(p) == to {
			return p, true
		}
	}
	return part{}, false
}

// refuse gives a part up.
func (j *job) refuse(p part, reason string) {
	for i := p.from; i < p.to; i++ {
		l := &j.lines[i]
		j.refused = append(j.refused, refusal{l.row, reason, bytes.Clone(j.text[l.start:l.end])})
	}
}

// cut pushes the two parts that p consists of, the first k lines on top.
func (j *job) cut(p part, k int) {
	first, rest := p, p
	first.to, rest.from = p.from+k, p.from+k
	j.push(rest)
	j.push(first)
}

// halve cuts p in two. Lines of one kind have come to stand together, since the server often refuses a whole
// kind: then it refuses the half at once, and need not be asked line by line.
func (j *job) halve(p part) {
	if !p.sorted {
		kinds := make(map[kind]int)
		j.arrange(&p, func(_ int, l *line) int {
			k := kind{l.series.Name(), l.schema}
			if _, known := kinds[k]; !known {
				kinds[k] = len(kinds)
			}
			return kinds[k]
		})
		p.sorted = true
	}
	j.cut(p, p.len()/2)
}

type kind struct {
	name   string
	schema *sdk.Schema
}

// A part is separated so often; a server that names one line at a time would make it dear.
const maxRounds = 3

// separate cuts p into the lines that the server has named, counted from 1, and the others.
func (j *job) separate(p part, named map[int]bool) {
	p.rounds++
	j.arrange(&p, func(i int, _ *line) int {
		if named[i+1] {
			return 0
		}
		return 1
	})
	j.cut(p, len(named))
}

// arrange puts the lines of p in the order of what rank says of each, given its place in p.
func (j *job) arrange(p *part, rank func(i int, l *line) int) {
	lines := j.lines[p.from:p.to]
	ranks := make(map[int]int, len(lines)) // by row
	for i := range lines {
		ranks[lines[i].row] = rank(i, &lines[i])
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(ranks[a.row], ranks[b.row]) })
	for i := range lines {
		l := &lines[i]
		start := len(j.text)
		j.text = append(j.text, j.text[l.start:l.end]...)
		l.start, l.end = start, len(j.text)
	}
}
