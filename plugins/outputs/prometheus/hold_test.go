package prometheus

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestPeakIsHeld(t *testing.T) {
	r := newRig(t, Config{PeakHold: time.Minute})
	start := r.clock
	// step writes a window that ended after so many seconds, and checks what a scrape shows.
	step := func(after int, value float64, want float64, wantAt int) {
		t.Helper()
		r.clock = start.Add(time.Duration(after) * time.Second)
		at := r.clock.Add(-3 * time.Second).UnixNano()
		r.mustWrite(fmt.Sprintf("gpu,window=10s power_watts_max=%v,power_watts_max_time=%di %d class=result", value, at, r.clock.UnixNano()))
		r.want(fmt.Sprintf(`gpu_power_watts_max{window="10s"} %v`, want),
			fmt.Sprintf(`gpu_power_watts_max_timestamp_seconds{window="10s"} %v`, start.Unix()+int64(wantAt)-3))
	}
	step(10, 500, 500, 10)
	step(20, 700, 700, 20)
	step(30, 600, 700, 20)
	step(40, 650, 700, 20)
	step(50, 550, 700, 20)
	step(60, 550, 700, 20)
	step(70, 300, 700, 20)
	step(80, 300, 700, 20)
	step(90, 300, 650, 40)
	step(100, 400, 650, 40)
	step(110, 100, 550, 60) // of equal ones, the newest
	step(120, 700, 700, 120)
	r.clock = start.Add(180 * time.Second) // no result any more: the last one stays for peak_hold
	r.want(`gpu_power_watts_max{window="10s"} 700`, fmt.Sprintf(`gpu_power_watts_max_timestamp_seconds{window="10s"} %d`, start.Unix()+117))
	r.clock = start.Add(181 * time.Second)
	if page := r.page(); page != "" {
		t.Errorf("page %q", page)
	}
}

func TestPeakIsNotHeldWhenTurnedOff(t *testing.T) {
	r := newRig(t, Config{PeakHold: 0})
	r.mustWrite("gpu x_max=5,x_max_time=1000000000i 1s class=result")
	r.mustWrite("gpu x_max=3,x_max_time=2000000000i 2s class=result")
	r.want("gpu_x_max 3", "gpu_x_max_timestamp_seconds 2")
}

// Against all values kept: what is shown is the greatest of the last peak_hold and up to a slice more.
func TestHoldAgainstAllValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const length = 60_000
	type seen struct {
		at    int64
		value float64
	}
	for range 50 {
		h, all, now := new(hold), []seen(nil), int64(0)
		c := &cell{family: &family{values: []float64{0}, seen: []int64{0}, gaps: []int64{0}}}
		h.max = c
		greatest := func(since int64) float64 {
			top := all[len(all)-1].value
			for _, s := range all {
				if s.at >= since {
					top = max(top, s.value)
				}
			}
			return top
		}
		for range 500 {
			now += random.Int64N(int64(1 + random.IntN(8000)))
			v := float64(random.IntN(100))
			h.value = v
			h.push(now, length)
			all = append(all, seen{now, v})
			now += random.Int64N(20_000)
			h.show(now, length)
			low, high := greatest(now-length), greatest(now-length-2*length/holdSlices)
			if got := c.value(); got < low || got > high {
				t.Fatalf("shown %v, want %v to %v", got, low, high)
			}
			if len(h.peaks) > holdSlices+2 {
				t.Fatalf("%d peaks kept", len(h.peaks))
			}
		}
	}
}
