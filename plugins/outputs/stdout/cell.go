package stdout

import (
	"math"
	"strconv"
	"strings"
)

// grade is how a value is shown that is high, or as high as it can be.
func grade(v, high, full float64) style {
	switch {
	case v > full:
		return alarm
	case v > high:
		return warn
	}
	return plain
}

// Shares from which on something counts as high, and memory as about to run out.
const (
	busy = 0.9
	full = 0.97
)

const nothing = "–"

func percent(v float64) string {
	if !has(v) {
		return nothing
	}
	return number(v*100, 0) + "%"
}

func number(v float64, digits int) string {
	if !has(v) || math.IsInf(v, 0) {
		return nothing
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// drawID draws the index of a device; those of MIG instances are indented.
func drawID(s *sheet, g *gpu, w int) {
	if g.instance() {
		s.left(plain, g.id(), w)
		return
	}
	s.right(strong, g.id(), min(w, 3))
	s.to(s.column + max(w-3, 0))
}

// drawHistory draws a sparkline, the newest value at its right end. Each character stands for the
// greatest of its values, so that a spike is seen however short it was.
func drawHistory(s *sheet, g *gpu, w int) {
	n := min(g.history.n, w)
	s.to(s.column + w - n)
	var run strings.Builder
	style := plain
	for age := n - 1; age >= 0; age-- {
		v := g.history.at(age).value
		if st := grade(v, busy, busy); st != style {
			s.put(style, run.String())
			run.Reset()
			style = st
		}
		run.WriteString(bar(v))
	}
	s.put(style, run.String())
}

// drawBar draws a bar that is full at 1.
func drawBar(s *sheet, v float64, w int) {
	if !has(v) {
		s.to(s.column + w)
		return
	}
	filled := int(math.Round(min(max(v, 0), 1) * float64(w)))
	s.put(grade(v, busy, full), strings.Repeat("█", filled))
	s.put(dim, strings.Repeat("░", w-filled))
}

const gib = 1 << 30

func drawMemory(s *sheet, g *gpu, w int) {
	used, total := g.last(memoryUsed), g.last(memoryTotal)
	text := number(used/gib, 1)
	if has(total) {
		text += "/" + number(total/gib, 1)
	}
	s.right(plain, text, w)
}

// throttled says in words what holds the clocks down, worst first, and for which share of the time.
func throttled(g *gpu) string {
	var all []string
	for i := range causes {
		if share, active := g.holds(i); active && share >= 0.005 {
			all = append(all, causes[i].words+" "+percent(share))
		} else if active {
			all = append(all, causes[i].words)
		}
	}
	if len(all) > 0 {
		return strings.Join(all, ", ")
	}
	if has(g.values[reasons][latest]) {
		return "no"
	}
	for i := range g.causes {
		if has(g.causes[i].share) {
			return "no"
		}
	}
	return nothing
}

func drawThrottled(s *sheet, g *gpu, w int) {
	st := dim
	for i := range causes {
		if _, active := g.holds(i); active {
			st = causes[i].style
			break
		}
	}
	s.left(st, throttled(g), w)
}
