package stdout

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// gpu is a row of the table: a device, or a MIG instance of one.
type gpu struct {
	host, index, uuid, name, source, gi, ci string

	values  [readings][statistics]float64
	causes  [len(causes)]throttle
	history history
	window  string // of the newest result
	result  int64  // its time, in Unix ns
	whole   bool   // a window that was seen whole is known
	sampled bool   // samples of it are seen, not results alone
	heard   int64  // when, in ns by the agent's clock
}

// throttle is for how long a cause held the clocks down.
type throttle struct {
	share  float64 // of the time, 0 to 1
	rated  bool    // by windows: they know better than two counters
	seen   float64 // the counter, at
	seenAt int64
}

func newGPU(m *sdk.Metric) *gpu {
	return &gpu{
		host: clean(m.Tag(vocabulary.TagHost)), index: clean(m.Tag(vocabulary.TagIndex)), uuid: m.Tag(vocabulary.TagUUID),
		name:   strings.TrimPrefix(clean(m.Tag(vocabulary.TagName)), "NVIDIA "),
		source: clean(m.Tag(vocabulary.TagSource)), gi: clean(m.Tag(vocabulary.TagGI)), ci: clean(m.Tag(vocabulary.TagCI)),
		values: noValues(), causes: noThrottles(),
	}
}

func noValues() (all [readings][statistics]float64) {
	for i := range all {
		all[i] = [statistics]float64{absent, absent, absent, absent}
	}
	return all
}

func noThrottles() (all [len(causes)]throttle) {
	for i := range all {
		all[i] = throttle{share: absent, seen: absent}
	}
	return all
}

// same reports whether both are rows of one device, as one source sees it.
func (g *gpu) same(o *gpu) bool {
	if g.host != o.host || g.source != o.source || g.gi != o.gi || g.ci != o.ci {
		return false
	}
	if g.uuid != "" || o.uuid != "" {
		return g.uuid == o.uuid
	}
	return g.index == o.index
}

func (g *gpu) instance() bool { return g.gi != "" || g.ci != "" }

// id is how the table calls the row: the index, or for a MIG instance its place in the device.
func (g *gpu) id() string {
	if g.instance() {
		return " └ " + cmp.Or(g.gi, "-") + "/" + cmp.Or(g.ci, "-")
	}
	return cmp.Or(g.index, "?")
}

func compareGPUs(a, b *gpu) int {
	return cmp.Or(strings.Compare(a.host, b.host), compareNumbers(a.index, b.index), strings.Compare(a.uuid, b.uuid),
		compareNumbers(a.gi, b.gi), compareNumbers(a.ci, b.ci), strings.Compare(a.source, b.source))
}

// compareNumbers puts "2" before "10", and what is no number behind.
func compareNumbers(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case a == b:
		return 0
	case a == "" || errX == nil && b != "":
		return -1
	case b == "" || errY == nil:
		return 1
	}
	return strings.Compare(a, b)
}

func (g *gpu) lost() bool { return g.values[up][latest] == 0 }

// last is the newest that is known of a reading.
func (g *gpu) last(r reading) float64 {
	for _, st := range [...]statistic{latest, mean, peak} {
		if v := g.values[r][st]; has(v) {
			return v
		}
	}
	return absent
}

// peakUse is the greatest utilisation of the last window or, without windows, of the history.
func (g *gpu) peakUse() float64 {
	if v := g.values[use][peak]; has(v) {
		return v
	}
	return g.history.max()
}

// memory is the share of the memory that is used.
func (g *gpu) memory() float64 {
	if v := g.last(memoryRatio); has(v) {
		return v
	}
	if total := g.last(memoryTotal); total > 0 {
		return g.last(memoryUsed) / total
	}
	return absent
}

// Shorter spans between counters are too coarse to tell a share of.
const throttleSpan = int64(1e9)

// count takes a counter of throttle time in.
func (t *throttle) count(seconds float64, at int64) {
	switch {
	case t.rated:
	case !has(t.seen) || seconds < t.seen || at < t.seenAt:
		t.seen, t.seenAt = seconds, at
	case at-t.seenAt >= throttleSpan:
		t.share = min((seconds-t.seen)/(float64(at-t.seenAt)/1e9), 1)
		t.seen, t.seenAt = seconds, at
	}
}

// holds reports whether a cause holds the clocks down now, and for which share of the time it did.
func (g *gpu) holds(i int) (share float64, active bool) {
	if v := g.values[reasons][latest]; has(v) && v >= 0 && v <= math.MaxUint32 {
		bits := uint64(v)
		active = bits&causes[i].bit != 0
		if causes[i].bit == vocabulary.ThrottleHWSlowdown && bits&(vocabulary.ThrottleHWThermal|vocabulary.ThrottlePowerBrake) != 0 {
			active = false // the bit says no more than those
		}
	}
	share = g.causes[i].share
	return share, active || share >= 0.005
}

// clean makes text harmless for a terminal, and each of its characters one column wide.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x7f && !(unicode.Is(unicode.Latin, r) && unicode.IsLetter(r)) || r < ' ' {
			return '?'
		}
		return r
	}, text)
}
