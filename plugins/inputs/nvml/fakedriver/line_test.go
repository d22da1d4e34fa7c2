package fakedriver

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A line is compared with a plain array of its value at each microsecond.
func TestLine(t *testing.T) {
	const length = 1000
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		var l Line
		l.Base(random.Int64N(10))
		var steps, bursts [length]int64 // 1 + the value that begins here
		for range random.IntN(8) {
			at, v := random.Int64N(length), random.Int64N(100)
			l.At(time.Duration(at)*time.Microsecond, v)
			steps[at] = 1 + v
		}
		for at := random.Int64N(200); at < length-100; at += random.Int64N(200) {
			d, v := 1+random.Int64N(100), random.Int64N(100)
			l.Burst(time.Duration(at)*time.Microsecond, time.Duration(d)*time.Microsecond, v)
			for i := at; i < at+d; i++ {
				bursts[i] = 1 + v
			}
			at += d
		}
		loops := seed%2 == 1
		if loops {
			l.Loop(length * time.Microsecond)
		}
		var truth [length]int64
		below := l.base
		for i := range truth {
			if steps[i] > 0 {
				below = steps[i] - 1
			}
			if truth[i] = below; bursts[i] > 0 {
				truth[i] = bursts[i] - 1
			}
		}
		value := func(at int64) int64 {
			switch {
			case loops:
				return truth[modulo(at, length)]
			case at < 0:
				return l.base
			case at >= length:
				return below
			}
			return truth[at]
		}
		for range 30 {
			from := random.Int64N(4*length) - length
			to := from + 1 + random.Int64N(2*length)
			var want int64
			for at := from; at < to; at++ {
				want += value(at)
				if got := l.value(at); got != value(at) {
					t.Fatalf("seed %d: value at %d: got %d, want %d", seed, at, got, value(at))
				}
			}
			if got := l.integral(from, to); got != want {
				t.Fatalf("seed %d: integral from %d to %d: got %d, want %d", seed, from, to, got, want)
			}
			var sum int64
			at := from
			for _, p := range l.pieces(from, to) {
				if p.from != at {
					t.Fatalf("seed %d: a piece from %d, want %d", seed, p.from, at)
				}
				at, sum = p.to, sum+p.v*(p.to-p.from)
			}
			if sum != want || at != to {
				t.Fatalf("seed %d: pieces end at %d with %d, want %d with %d", seed, at, sum, to, want)
			}
		}
	}
}

func TestTables(t *testing.T) {
	for _, r := range []Reading{
		Power, ModulePower, MemoryPower, PowerLimit, GPUUtil, MemoryUtil, EncoderUtil, DecoderUtil, JPEGUtil, OFAUtil, ClockSM,
		ClockMemory, ClockGraphics, ClockVideo, Temperature, MemoryTemperature, MemoryUsed, Fan, PState, Throttle, PCIeTX, PCIeRX,
		NVLinkTX, NVLinkRX, ECCCorrected, ECCUncorrected, GPMSM, GPMOccupancy, GPMTensor, GPMDRAM,
	} {
		if _, ok := defaultReadings[r]; !ok {
			t.Errorf("%s is not in tables.def", r)
		}
	}
	for kind, ring := range defaultRings {
		if ring.Period == 0 || ring.Size == 0 || ring.reading == "" {
			t.Errorf("ring %d: %+v", kind, ring)
		}
	}
}

func TestSpikes(t *testing.T) {
	s := New(nil, 1)
	g := s.GPUs[0]
	g.Line(GPUUtil).Burst(time.Second, 40*time.Millisecond, 90).Burst(1040*time.Millisecond, 10*time.Millisecond, 100).Burst(3*time.Second, time.Second, 60)
	got := g.Truth().Spikes(GPUUtil, 80, 0, 10*time.Second)
	if len(got) != 1 || got[0] != (Span{time.Second, 1050 * time.Millisecond}) {
		t.Errorf("got %v", got)
	}
}
