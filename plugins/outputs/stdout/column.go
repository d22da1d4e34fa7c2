package stdout

import (
	"slices"
	"unicode/utf8"
)

// column is a column of the table.
type column struct {
	group, title string
	rank         int                  // columns of the highest rank go first where the screen is narrow
	least        int                  // width
	wish         int                  // luxuries go before a column is narrower than this
	most         int                  // that it can make use of; least where 0
	fits         func(g *gpu) int     // for columns as wide as what they hold, the width of one cell
	shown        func(bd *board) bool // nil: always
	draw         func(s *sheet, g *gpu, w int)

	width, start int // as laid out
}

// columns returns the columns of a table, in their order.
func columns(bd *board) []column {
	_, hosts, sources := bd.devices()
	some := func(value func(g *gpu) float64) func(*board) bool {
		return func(bd *board) bool {
			return slices.ContainsFunc(bd.gpus, func(g *gpu) bool { return has(value(g)) })
		}
	}
	of := func(r reading, st statistic) func(g *gpu) float64 {
		return func(g *gpu) float64 { return g.values[r][st] }
	}
	last := func(r reading) func(g *gpu) float64 { return func(g *gpu) float64 { return g.last(r) } }
	ratio := func(group, title string, rank int, value func(g *gpu) float64, full float64) column {
		return column{group: group, title: title, rank: rank, least: 4, shown: some(value), draw: func(s *sheet, g *gpu, w int) {
			s.right(grade(value(g), busy, full), percent(value(g)), w)
		}}
	}
	watts := func(title string, rank int, value func(g *gpu) float64) column {
		return column{group: "POWER W", title: title, rank: rank, least: 5, shown: some(value), draw: func(s *sheet, g *gpu, w int) {
			st := plain
			if title != "limit" {
				st = grade(value(g)/g.last(powerLimit), 0.98, 1.02)
			}
			s.right(st, number(value(g), 0), w)
		}}
	}
	return []column{
		{
			title: "HOST", rank: 4, least: 6, most: 20, fits: func(g *gpu) int { return utf8.RuneCountInString(g.host) },
			shown: func(*board) bool { return len(hosts) > 1 },
			draw:  func(s *sheet, g *gpu, w int) { s.left(plain, g.host, w) },
		},
		{title: "GPU", least: 3, most: 12, fits: func(g *gpu) int { return utf8.RuneCountInString(g.id()) }, draw: drawID},
		{
			title: "NAME", rank: 12, least: 6, wish: 14, most: 24, fits: func(g *gpu) int { return utf8.RuneCountInString(g.name) },
			shown: func(bd *board) bool { return slices.ContainsFunc(bd.gpus, func(g *gpu) bool { return g.name != "" }) },
			draw:  func(s *sheet, g *gpu, w int) { s.left(plain, g.name, w) },
		},
		{
			title: "SOURCE", rank: 5, least: 6, most: 12, fits: func(g *gpu) int { return utf8.RuneCountInString(g.source) },
			shown: func(*board) bool { return len(sources) > 1 },
			draw:  func(s *sheet, g *gpu, w int) { s.left(dim, g.source, w) },
		},

		ratio("UTILISATION", "now", 1, of(use, latest), busy),
		ratio("UTILISATION", "mean", 3, of(use, mean), busy),
		ratio("UTILISATION", "peak", 2, (*gpu).peakUse, busy),
		{group: "UTILISATION", rank: 4, least: 8, wish: 20, most: sparkMax, shown: some((*gpu).peakUse), draw: drawHistory},
		{group: "UTILISATION", title: "above", rank: 16, least: 6, shown: some(of(use, above)), draw: func(s *sheet, g *gpu, w int) {
			text := number(g.values[use][above], 1)
			if has(g.values[use][above]) {
				text += "s"
			}
			s.right(plain, text, w)
		}},

		watts("now", 7, of(power, latest)),
		watts("mean", 13, of(power, mean)),
		watts("peak", 8, of(power, peak)),
		watts("limit", 14, last(powerLimit)),

		{group: "MEMORY GiB", title: "used/total", rank: 9, least: 11, shown: some(last(memoryUsed)), draw: drawMemory},
		ratio("MEMORY GiB", "", 6, (*gpu).memory, full),
		{group: "MEMORY GiB", rank: 17, least: 10, shown: some((*gpu).memory), draw: func(s *sheet, g *gpu, w int) {
			drawBar(s, g.memory(), w)
		}},

		{group: "TEMP", title: "°C", rank: 5, least: 4, shown: some(last(temperature)), draw: func(s *sheet, g *gpu, w int) {
			s.right(grade(g.last(temperature), 80, 85), number(g.last(temperature), 0), w)
		}},
		{group: "SM", title: "MHz", rank: 15, least: 5, shown: some(last(clock)), draw: func(s *sheet, g *gpu, w int) {
			s.right(plain, number(g.last(clock)/1e6, 0), w)
		}},
		{title: "THROTTLED", rank: 10, least: 10, wish: 14, most: 40, fits: func(g *gpu) int { return utf8.RuneCountInString(throttled(g)) }, draw: drawThrottled},
	}
}

// layOut chooses the columns that fit into width, and gives them their widths and places.
func layOut(bd *board, width int) []column {
	all := slices.DeleteFunc(columns(bd), func(c column) bool { return c.shown != nil && !c.shown(bd) })
	for i := range all {
		all[i].width = max(all[i].least, utf8.RuneCountInString(all[i].title))
	}
	for {
		worst := 0
		for i := range all {
			if all[i].rank > all[worst].rank {
				worst = i
			}
		}
		room := span(all)
		if all[worst].rank >= luxury {
			room = wished(all)
		}
		if room <= width || len(all) == 1 {
			break
		}
		all = slices.Delete(all, worst, worst+1)
	}
	spare := width - span(all)
	grow := func(c *column, ideal int) {
		by := min(max(ideal-c.width, 0), max(spare, 0))
		c.width += by
		spare -= by
	}
	for i := range all {
		grow(&all[i], all[i].wish)
	}
	for i := range all {
		if c := &all[i]; c.fits != nil {
			for _, g := range bd.gpus {
				grow(c, min(c.fits(g), c.most))
			}
		}
	}
	for i := range all {
		if c := &all[i]; c.fits == nil {
			grow(c, c.most)
		}
	}
	at := 0
	for i := range all {
		at += gap(all, i)
		all[i].start = at
		at += all[i].width
	}
	return all
}

// luxury is the rank from which on a column gives way to the comfort of others.
const luxury = 13

func wished(all []column) int {
	total := 0
	for i := range all {
		total += gap(all, i) + max(all[i].width, all[i].wish)
	}
	return total
}

func span(all []column) int {
	total := 0
	for i := range all {
		total += gap(all, i) + all[i].width
	}
	return total
}

// gap is the room before a column: two blanks between groups, one within.
func gap(all []column, i int) int {
	switch {
	case i == 0:
		return 0
	case all[i].group != "" && all[i].group == all[i-1].group:
		return 1
	}
	return 2
}
