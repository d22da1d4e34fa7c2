package stdout

// history is how a reading went: the greatest value of each second, for as many seconds as a sparkline
// can be long. Seconds without a value take no place.
type history struct {
	points [sparkMax]point // a ring
	end, n int
}

type point struct {
	second int64
	value  float64
}

const sparkMax = 120

// add takes a value at a time in Unix ns. Values of a second that has passed are left out.
func (h *history) add(ns int64, v float64) {
	second := ns / 1e9
	if h.n > 0 {
		last := &h.points[(h.end+sparkMax-1)%sparkMax]
		if second == last.second {
			last.value = max(last.value, v)
			return
		}
		if second < last.second {
			return
		}
	}
	h.points[h.end] = point{second, v}
	h.end = (h.end + 1) % sparkMax
	h.n = min(h.n+1, sparkMax)
}

// at returns a point by its age, 0 being the newest.
func (h *history) at(age int) point { return h.points[(h.end+2*sparkMax-1-age)%sparkMax] }

func (h *history) max() float64 {
	top := absent
	for age := range h.n {
		if v := h.at(age).value; !has(top) || v > top {
			top = v
		}
	}
	return top
}

// span is the time in seconds that the newest n points cover.
func (h *history) span(n int) int64 {
	if n = min(n, h.n); n < 2 {
		return 0
	}
	newest, oldest := h.at(0).second, h.at(n-1).second
	return (newest - oldest) * int64(n) / int64(n-1)
}

var bars = [...]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// bar is the character for a value from 0 to 1.
func bar(v float64) string {
	return bars[min(max(int(v*float64(len(bars))), 0), len(bars)-1)]
}
