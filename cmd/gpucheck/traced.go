//go:build cgo

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"golang.org/x/sys/unix"
)

// traced is what was seen of a ring.
type traced struct {
	rets   map[nvml.Return]int
	size   int // entries that it held at most
	stamps []uint64
	newest uint64
	again  int                        // entries that were read once more
	moved  int                        // those of them that bore another stamp than before
	ages   [len(clockNames)][]float64 // seconds, of the newest entry when it was first read, by each clock
}

// clockNames are those of the host that a driver may stamp by.
var clockNames = [...]string{"time since the start of the host", "the same without suspension", "the same at the hardware's rate", "time of day"}

const clockOfDay = len(clockNames) - 1

// traceRings reads all rings every 5 ms, and returns how many entries it saw.
func traceRings(ctx context.Context, gpu nvml.Device, rings []traced, w io.Writer) (n int) {
	_, _ = fmt.Fprintln(w, "ring,stamp_microseconds,value,read_boot_microseconds,read_epoch_microseconds")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for round := 0; ctx.Err() == nil; round++ {
		<-tick.C
		for i := range rings {
			n += rings[i].read(gpu, i, w)
		}
		if round%100 == 99 {
			for i := range rings {
				rings[i].reread(gpu, i)
			}
		}
	}
	return n
}

func (r *traced) read(gpu nvml.Device, which int, w io.Writer) int {
	kind, all, ret := gpu.GetSamples(nvml.SamplingType(which), r.newest)
	times := now()
	if r.rets == nil {
		r.rets = map[nvml.Return]int{}
	}
	if r.rets[ret]++; ret != nvml.SUCCESS {
		return 0
	}
	// go-nvml does not cut the slice to what the driver has filled.
	all = slices.DeleteFunc(all, func(s nvml.Sample) bool { return s.TimeStamp <= r.newest })
	r.size = max(r.size, len(all))
	first := r.newest == 0
	for _, s := range all {
		_, _ = fmt.Fprintf(w, "%s,%d,%v,%d,%d\n", samplings[which], s.TimeStamp, number(uint32(kind), s.SampleValue), times[0], times[clockOfDay])
		r.stamps = append(r.stamps, s.TimeStamp)
		r.newest = max(r.newest, s.TimeStamp)
	}
	if len(all) > 0 && !first { // at first the newest may be of long ago
		for i, t := range times {
			r.ages[i] = append(r.ages[i], float64(t-int64(r.newest))/1e6)
		}
	}
	return len(all)
}

// reread reads all that a ring holds, and compares the stamps of what has been read before: a driver that works them out
// anew at each call would have samples told twice.
func (r *traced) reread(gpu nvml.Device, which int) {
	_, all, ret := gpu.GetSamples(nvml.SamplingType(which), 0)
	if ret != nvml.SUCCESS || len(r.stamps) == 0 {
		return
	}
	for _, s := range all {
		if s.TimeStamp >= r.stamps[0] && s.TimeStamp <= r.newest {
			r.again++
			if !slices.Contains(r.stamps, s.TimeStamp) {
				r.moved++
			}
		}
	}
}

// clock returns the clock by which the newest entries are youngest without being ahead.
func (r *traced) clock() (which int, ok bool) {
	best := math.Inf(1)
	for i, ages := range r.ages {
		if len(ages) > 0 && slices.Min(ages) > -0.05 && median(ages) < best {
			which, best, ok = i, median(ages), true
		}
	}
	return which, ok
}

// describe is a row of the report.
func (r *traced) describe() string {
	said := ""
	for ret, n := range r.rets {
		said += fmt.Sprintf("%d %d times; ", int(ret), n)
	}
	said = strings.TrimSuffix(said, "; ")
	if len(r.stamps) < 2 {
		return fmt.Sprintf("%d | | | | %s |", len(r.stamps), said)
	}
	var gaps []float64
	sorted := slices.Sorted(slices.Values(r.stamps))
	for i := 1; i < len(sorted); i++ {
		gaps = append(gaps, float64(sorted[i]-sorted[i-1])/1e3)
	}
	order := "in order"
	if !slices.Equal(sorted, r.stamps) {
		order = "out of order"
	}
	clock, ages := "none was new", ""
	if which, ok := r.clock(); ok {
		a := r.ages[which]
		clock, ages = clockNames[which], fmt.Sprintf("%.1f, %.1f, %.1f ms", 1e3*slices.Min(a), 1e3*median(a), 1e3*slices.Max(a))
	} else if len(r.ages[0]) > 0 {
		clock, ages = "none of the host's clocks", fmt.Sprintf("%.3f s by the first", median(r.ages[0]))
	}
	if r.moved > 0 {
		order += fmt.Sprintf(", **%d of %d with another stamp when read again**", r.moved, r.again)
	}
	return fmt.Sprintf("%d, %s, at once at most %d | %.2f, %.2f, %.2f ms | %s | %s | %s |", len(r.stamps), order, r.size,
		median(gaps), slices.Min(gaps), slices.Max(gaps), clock, ages, said)
}

// now returns the time by each of the clocks, in microseconds.
func now() (t [len(clockNames)]int64) {
	for i, clock := range [...]int32{unix.CLOCK_BOOTTIME, unix.CLOCK_MONOTONIC, unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_REALTIME} {
		var ts unix.Timespec
		_ = unix.ClockGettime(clock, &ts) // the clock is there, and the pointer is good
		t[i] = ts.Nano() / 1e3
	}
	return t
}
