package fakedriver

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// recordingHeader is the first line of a recording: see cmd/gpucheck, which makes them.
var recordingHeader = []string{"ring", "stamp_microseconds", "value", "read_boot_microseconds", "read_epoch_microseconds"}

// recordedRings are the rings by their names in a recording.
var recordedRings = map[string]Sampling{
	"power": PowerSamples, "gpu": GPUUtilSamples, "memory": MemoryUtilSamples, "encoder": EncoderSamples, "decoder": DecoderSamples,
	"sm_clock": ClockSMSamples, "memory_clock": ClockMemorySamples, "module_power": ModulePowerSamples, "jpeg": JPEGSamples, "ofa": OFASamples,
}

// recorded is an entry of a ring: when the driver took it, and how much later it was first read.
type recorded struct {
	stamp, age time.Duration
	value      int64
}

// Replay returns a scenario of one GPU whose rings have the period, delay, clock and values of those of a real
// one, as `make gpu-check` recorded them in rings.csv. It repeats them for ever, but for those of changes. A ring
// that the recording lacks is NOT_SUPPORTED.
func Replay(r io.Reader) (*Scenario, error) {
	rings, epoch, err := readRecording(r)
	if err != nil {
		return nil, fmt.Errorf("read a recording: %w", err)
	}
	var first, last time.Duration // the time of which all rings tell: some reach back further than others
	for sampling, all := range rings {
		slices.SortStableFunc(all, func(a, b recorded) int { return int(a.stamp - b.stamp) })
		if _, changes := periodOf(sampling, all); !changes {
			first, last = max(first, all[0].stamp), max(last, all[len(all)-1].stamp)
		}
	}
	s := New(nil, 1)
	g := s.GPUs[0]
	for sampling := range samplings {
		ring := g.Ring(sampling)
		all := rings[sampling]
		if len(all) < 2 {
			ring.Off = true
			continue
		}
		ring.Delay = slices.MinFunc(all, func(a, b recorded) int { return int(a.age - b.age) }).age
		ring.Epoch = epoch[sampling]
		period, changes := periodOf(sampling, all)
		if ring.Changes = changes; changes { // they come once, and the last value stays
			line := g.Line(ring.reading)
			for _, e := range all {
				line.At(e.stamp-first, e.value)
			}
			continue
		}
		ring.Period = max(period, time.Microsecond)
		ring.Phase = (all[len(all)-1].stamp - first) % ring.Period
		line := g.Line(ring.reading).Base(all[0].value).Loop(last - first + time.Microsecond)
		for i, e := range all[1:] { // a value holds from the entry before it on, which is right for means, too
			switch from := all[i].stamp - first; {
			case from < 0:
				line.Base(e.value)
			case e.value != all[i].value:
				line.At(from+time.Microsecond, e.value)
			}
		}
	}
	return s, nil
}

// periodOf returns the usual time between two entries, and whether they are changes instead, as those of clocks
// that come when they will.
func periodOf(sampling Sampling, all []recorded) (period time.Duration, changes bool) {
	if len(all) < 2 {
		return 0, false
	}
	var gaps []time.Duration
	for i := range all[1:] {
		gaps = append(gaps, all[i+1].stamp-all[i].stamp)
	}
	slices.Sort(gaps)
	period = gaps[len(gaps)/2]
	return period, (sampling == ClockSMSamples || sampling == ClockMemorySamples) && gaps[len(gaps)-1] > 20*time.Second
}

// readRecording returns the entries of each ring, and whether their stamps are of the time of day.
func readRecording(r io.Reader) (rings map[Sampling][]recorded, epoch map[Sampling]bool, err error) {
	rings, epoch = map[Sampling][]recorded{}, map[Sampling]bool{}
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = len(recordingHeader)
	lines.ReuseRecord = true
	header, err := lines.Read()
	if err != nil {
		return nil, nil, err
	}
	if !slices.Equal(header, recordingHeader) {
		return nil, nil, fmt.Errorf("it begins with %q, not with %q", header, recordingHeader)
	}
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		number, _ := lines.FieldPos(0)
		sampling, known := recordedRings[line[0]]
		var n [4]int64
		for i := range n {
			n[i], err = strconv.ParseInt(line[i+1], 10, 64)
			known = known && err == nil
		}
		if !known {
			return nil, nil, fmt.Errorf("line %d is no entry of a ring: %q", number, line)
		}
		stamp, boot, day := n[0], n[2], n[3]
		ofDay := max(day-stamp, stamp-day) < max(boot-stamp, stamp-boot)
		if ofDay { // as if stamped with the time since the start of the host
			stamp -= day - boot
		}
		epoch[sampling] = ofDay
		rings[sampling] = append(rings[sampling], recorded{
			stamp: time.Duration(stamp) * time.Microsecond, age: max(0, time.Duration(boot-stamp)*time.Microsecond), value: n[1],
		})
	}
	if len(rings) == 0 {
		return nil, nil, errors.New("it has no entries")
	}
	return rings, epoch, nil
}
