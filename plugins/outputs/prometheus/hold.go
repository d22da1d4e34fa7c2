package prometheus

// hold keeps the greatest maximum of the last peak_hold, and when it was, for the two series that show
// them. Arrival is measured in slices of peak_hold, so that it holds a few values however short the
// windows are; a value is held for peak_hold and up to one slice more.
type hold struct {
	max, time *cell // time may be nil

	value float64 // of the row at hand
	stamp float64
	fresh bool

	peaks []peak // values fall, slices rise
}

type peak struct {
	slice        int64
	value, stamp float64
}

const holdSlices = 32

// push takes the row's maximum in.
func (h *hold) push(now, length int64) {
	h.fresh = false
	slice := int64(0)
	if length > 0 {
		slice = now / max(length/holdSlices, 1)
	}
	n := len(h.peaks)
	for n > 0 && (h.peaks[n-1].value <= h.value || length == 0) {
		n--
	}
	h.peaks = h.peaks[:n]
	if n == 0 || h.peaks[n-1].slice != slice {
		h.peaks = append(h.peaks, peak{slice, h.value, h.stamp})
	}
	h.show(now, length)
	h.touch(now)
}

// show sets the series to the greatest value still held. The last one stays until its series expires.
func (h *hold) show(now, length int64) {
	if len(h.peaks) == 0 {
		return
	}
	old := 0
	if length > 0 {
		limit := now/max(length/holdSlices, 1) - holdSlices
		for old < len(h.peaks)-1 && h.peaks[old].slice < limit {
			old++
		}
	}
	if old > 0 {
		h.peaks = h.peaks[:copy(h.peaks, h.peaks[old:])]
	}
	if h.max != nil && h.max.at >= 0 {
		h.max.family.values[h.max.at] = h.peaks[0].value
	}
	if h.time != nil && h.time.at >= 0 {
		h.time.family.values[h.time.at] = h.peaks[0].stamp
	}
}

func (h *hold) touch(now int64) {
	if h.max != nil && h.max.at >= 0 {
		h.max.touch(now)
	}
	if h.time != nil && h.time.at >= 0 {
		h.time.touch(now)
	}
}

// gone reports whether nothing shows the hold any more.
func (h *hold) gone() bool {
	return (h.max == nil || h.max.at < 0) && (h.time == nil || h.time.at < 0)
}
