package queue

import "time"

// due returns when a batch that began at born leaves if nothing fills it before: at the first instant after it that
// is FlushPhase behind a whole number of FlushIntervals since 1970. So a batch waits for FlushInterval at most, and
// queues that are filled at the same instant hand out at as many as their phases are.
func (l Limits) due(born time.Time) time.Time {
	if l.FlushInterval <= 0 {
		return born
	}
	behind := time.Duration(born.UnixNano()-int64(l.FlushPhase)) % l.FlushInterval
	if behind < 0 {
		behind += l.FlushInterval
	}
	return born.Add(l.FlushInterval - behind)
}
