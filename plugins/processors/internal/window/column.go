package window

import (
	"math"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// readTimes reads the times of n rows from row i on into the shared timeline, and into all which cells
// every one of them has. It notes whether they all have the same.
func (x *piece) readTimes(l *line, i, n int) {
	x.shared.T = x.time[0][:n]
	x.all = slices.Grow(x.all[:0], l.marks)[:l.marks]
	for k := range x.all {
		x.all[k] = math.MaxUint64
	}
	x.alike = true
	var first []uint64
	for k := range n {
		row := l.row(i + k)
		x.shared.T[k] = int64(row[0])
		marks := row[1 : 1+l.marks]
		if k == 0 {
			first = marks
		}
		for j, m := range marks {
			x.all[j] &= m
			x.alike = x.alike && m == first[j]
		}
	}
}

// column reads a cell of the n rows from row i on; before is the cell's last sample before them. A field
// that all rows have shares their timeline.
func (x *piece) column(l *line, i, n, cell int, t sdk.Type, before Sample) *Run {
	run := &x.run
	if n == 0 || x.all[cell>>6]>>(cell&63)&1 != 0 {
		*run = x.shared
		run.V = x.value[:n]
		l.read(run.V, i, cell, t, x.alike)
	} else {
		*run = Run{From: x.shared.From, Until: x.shared.Until, MaxGap: x.shared.MaxGap}
		k := 0
		for j := range n {
			if l.has(i+j, cell) {
				x.time[1][k], x.value[k] = x.shared.T[j], number(l.value(i+j, cell), t)
				k++
			}
		}
		run.T, run.V = x.time[1][:k], x.value[:k]
		run.measure(x.hold[1][:])
	}
	run.Before = before
	run.carry()
	return run
}

// read reads a column that all rows have. Rows that are alike have it at the same place.
func (l *line) read(into []float64, i, cell int, t sdk.Type, alike bool) {
	if !alike {
		for k := range into {
			into[k] = number(l.value(i+k, cell), t)
		}
		return
	}
	if len(into) == 0 {
		return
	}
	row := l.row(i)
	stride, at := len(row), 1+l.marks+rank(row[1:1+l.marks], cell)
	words := l.words[l.starts[l.head+i]:]
	switch t {
	case sdk.Float:
		for k := range into {
			into[k] = math.Float64frombits(words[at])
			at += stride
		}
	case sdk.Int:
		for k := range into {
			into[k] = float64(int64(words[at]))
			at += stride
		}
	default:
		for k := range into {
			into[k] = float64(words[at])
			at += stride
		}
	}
}

// number returns the number that a word of type t stands for.
func number(word uint64, t sdk.Type) float64 {
	switch t {
	case sdk.Float:
		return math.Float64frombits(word)
	case sdk.Int:
		return float64(int64(word))
	default:
		return float64(word)
	}
}
