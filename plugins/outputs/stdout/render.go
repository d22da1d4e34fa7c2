package stdout

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// view says how a board is drawn.
type view struct {
	width, height int // columns and lines that there are; a height of 0 has no end
	colour        bool
	brief         bool   // no heading: it was written not long ago
	after         uint64 // events up to that number were written before
}

const (
	shownEvents = 4
	idleAfter   = 15 * time.Second
)

// render draws the board as lines of text. It depends on nothing but its arguments.
func render(bd *board, v view, now time.Time) []byte {
	s := &sheet{width: v.width, colour: v.colour}
	all := layOut(bd, v.width)
	drawTitle(s, titleOf(bd, v, now), v)
	if len(bd.gpus) == 0 {
		drawWaiting(s, bd)
	} else if !v.brief {
		drawHeading(s, bd, all)
	}
	events := newEvents(bd, v)
	rows := len(bd.gpus)
	if v.height > 0 {
		room := max(v.height-s.lines, 0)
		events = events[max(len(events)-eventRoom(room, rows, len(events)), 0):]
		room -= len(events)
		if len(events) > 0 && room > rows {
			room-- // a blank line
		}
		if rows > room {
			rows = max(room-1, 0)
		}
	}
	for _, g := range bd.gpus[:rows] {
		drawRow(s, all, g, now)
	}
	if hidden := len(bd.gpus) - rows; hidden > 0 && (v.height == 0 || s.lines+len(events) < v.height) {
		s.put(dim, "… and "+strconv.Itoa(hidden)+" more")
		s.end()
	}
	if len(events) > 0 && (v.height == 0 || s.lines+len(events) < v.height) {
		s.end()
	}
	for _, e := range events {
		drawEvent(s, e, now.Location())
	}
	return s.text
}

// eventRoom is how many of n events are shown with so many rows in so many lines: what is left over, and
// one in any case where there is some room.
func eventRoom(room, rows, n int) int {
	left := room - rows - 1
	if room >= 5 {
		left = max(left, 1)
	}
	return min(max(left, 0), n)
}

func newEvents(bd *board, v view) []event {
	events := bd.events
	if v.after == 0 {
		return events[max(len(events)-shownEvents, 0):]
	}
	var fresh []event
	for _, e := range events {
		if e.number > v.after {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// piece is a part of the title.
type piece struct {
	style style
	text  string
}

// titleOf returns what the title says, in order.
func titleOf(bd *board, v view, now time.Time) []piece {
	devices, hosts, sources := bd.devices()
	var pieces []piece
	add := func(st style, text string) { pieces = append(pieces, piece{st, text}) }
	if !v.brief {
		add(strong, "gpuline")
	}
	simulated := slices.Contains(sources, "simulated")
	if simulated {
		add(loud, " SIMULATED: no real GPU is read ")
	}
	if v.brief {
		add(plain, now.Format(time.TimeOnly))
		return pieces
	}
	host := clean(bd.host)
	if len(hosts) == 1 {
		host = cmp.Or(hosts[0], host)
	}
	add(plain, host)
	add(plain, now.Format(time.DateTime))
	if devices > 0 {
		add(plain, plural(devices, "GPU"))
	}
	if len(sources) == 1 && !simulated {
		add(dim, sources[0])
	}
	if i := slices.IndexFunc(bd.gpus, func(g *gpu) bool { return g.window != "" }); i >= 0 {
		add(dim, "window "+bd.gpus[i].window)
	}
	var cost []string
	if has(bd.cpu) {
		cost = append(cost, number(bd.cpu*100, 1)+"% CPU")
	}
	if has(bd.resident) {
		cost = append(cost, number(bd.resident/(1<<20), 0)+" MiB")
	}
	if cost != nil {
		add(dim, "agent "+strings.Join(cost, " "))
	}
	for _, url := range bd.served {
		add(dim, url)
	}
	return pieces
}

// drawTitle draws the title. What does not fit into its first line goes into further ones, where there is room for
// those, or is left out.
func drawTitle(s *sheet, pieces []piece, v view) {
	const indent = len("gpuline")
	for _, p := range pieces {
		if p.text == "" {
			continue
		}
		if wide := utf8.RuneCountInString(p.text); s.column > 0 && s.column+2+wide > v.width && p.style != loud {
			if indent+2+wide > v.width || v.height > 0 && v.height < airy {
				continue // a part of it is of no use
			}
			s.end()
			s.to(indent)
		}
		if s.column > 0 {
			s.put(plain, "  ")
		}
		s.put(p.style, p.text)
	}
	s.end()
}

// airy is a height that leaves lines for what the title has no room for in its first.
const airy = 12

func drawWaiting(s *sheet, bd *board) {
	if bd.others > 0 {
		s.put(plain, plural(int(bd.others), "metric")+`, none of a GPU: format = "influx" shows them`)
	} else {
		s.put(dim, "waiting for the first metrics of a GPU")
	}
	s.end()
}

func drawHeading(s *sheet, bd *board, all []column) {
	for i := 0; i < len(all); {
		next := i + 1
		for next < len(all) && all[i].group != "" && all[next].group == all[i].group {
			next++
		}
		last := all[next-1]
		s.to(all[i].start)
		s.left(dim, short(all[i].group, last.start+last.width-all[i].start), last.start+last.width-all[i].start)
		i = next
	}
	s.end()
	for i := range all {
		c := &all[i]
		s.to(c.start)
		switch {
		case c.title == "" && c.most == sparkMax:
			s.right(dim, historyTitle(bd, c.width), c.width)
		case c.fits != nil || c.title == "GPU":
			s.left(dim, c.title, c.width)
		default:
			s.right(dim, c.title, c.width)
		}
	}
	s.end()
}

// short takes the unit off a group's name, or more, where there is no room.
func short(group string, width int) string {
	for utf8.RuneCountInString(group) > width {
		i := strings.LastIndexByte(group, ' ')
		if i < 0 {
			return group[:min(len(group), width)]
		}
		group = group[:i]
	}
	return group
}

func historyTitle(bd *board, width int) string {
	var longest int64
	for _, g := range bd.gpus {
		longest = max(longest, g.history.span(width))
	}
	if longest == 0 {
		return ""
	}
	text := "last " + (time.Duration(longest) * time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if utf8.RuneCountInString(text) > width {
		return ""
	}
	return text
}

func drawRow(s *sheet, all []column, g *gpu, now time.Time) {
	silent := now.Sub(time.Unix(0, g.heard))
	idle := silent > max(idleAfter, 3*windowLength(g.window))
	for i := range all {
		c := &all[i]
		if (g.lost() || idle) && c.group != "" {
			s.to(c.start)
			if g.lost() {
				s.put(alarm, "LOST")
			} else {
				s.put(warn, "no data for "+silent.Truncate(time.Second).String())
			}
			break
		}
		s.to(c.start)
		c.draw(s, g, c.width)
	}
	s.end()
}

// windowLength is the length of the window that a tag such as "10s" or "60s/10s" names, or 0.
func windowLength(tag string) time.Duration {
	length, _, _ := strings.Cut(tag, "/")
	d, err := time.ParseDuration(length)
	if err != nil {
		return 0
	}
	return d
}

func drawEvent(s *sheet, e event, zone *time.Location) {
	st := plain
	switch e.severity {
	case vocabulary.Critical:
		st = alarm
	case vocabulary.Warning:
		st = warn
	}
	s.put(dim, time.Unix(0, e.time).In(zone).Format(time.TimeOnly)+"  ")
	if e.device != "" {
		s.put(plain, "GPU "+e.device+"  ")
	}
	s.put(st, strings.TrimSpace(e.what+" "+clean(e.severity)))
	if e.message != "" {
		s.put(plain, "  "+e.message)
	}
	s.end()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
