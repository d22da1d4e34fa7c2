package fakedriver_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestReplay plays rings that are recorded from no card: each entry is there again.
func TestReplay(t *testing.T) {
	const boot, day, n = 90_000_000_000, 1_795_000_000_000_000, 500
	random := rand.New(rand.NewPCG(3, 4))
	text := strings.Builder{}
	text.WriteString("ring,stamp_microseconds,value,read_boot_microseconds,read_epoch_microseconds\n")
	var power, util []int64
	for k := range n {
		at := 20_000 * k
		power = append(power, 70_000+random.Int64N(3)*100_000)
		fmt.Fprintf(&text, "power,%d,%d,%d,%d\n", boot+at, power[k], boot+at+3_000+random.IntN(9_000), day+at)
		if k%5 == 0 { // each 100 ms, by the other clock
			util = append(util, random.Int64N(101))
			fmt.Fprintf(&text, "gpu,%d,%d,%d,%d\n", day+at+7_000, util[k/5], boot+at+9_000, day+at+9_000)
		}
	}
	fmt.Fprintf(&text, "memory_clock,%d,405,%d,%d\nmemory_clock,%d,2619,%d,%d\n", boot-3_600_000_000, boot, day, boot+4_000_000, boot+4_001_000, day)
	s, err := fakedriver.Replay(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	g := s.GPUs[0]
	p, u := g.Ring(fakedriver.PowerSamples), g.Ring(fakedriver.GPUUtilSamples)
	if p.Period != 20*time.Millisecond || p.Epoch || p.Phase != 13*time.Millisecond || p.Delay < 3*time.Millisecond || p.Delay > 4*time.Millisecond {
		t.Errorf("%+v", p)
	}
	if u.Period != 100*time.Millisecond || !u.Epoch || u.Phase != 0 || u.Delay != 2*time.Millisecond || !u.Mean {
		t.Errorf("%+v", u)
	}
	if m := g.Line(fakedriver.ClockMemory); !g.Ring(fakedriver.ClockMemorySamples).Changes || m.Value(0) != 405 || m.Value(4*time.Second) != 2619 {
		t.Errorf("a ring of changes: %+v, %d", g.Ring(fakedriver.ClockMemorySamples), m.Value(4*time.Second))
	}
	if !g.Ring(fakedriver.ClockSMSamples).Off {
		t.Error("a ring that was not recorded is there")
	}
	for k := 1; k < n; k++ { // the ring of utilisation begins between entries 0 and 1
		if got := g.Line(fakedriver.Power).Value(p.Phase + time.Duration(k-1)*p.Period); got != power[k] {
			t.Fatalf("entry %d: %d, want %d", k, got, power[k])
		}
	}
	for k := 1; k < len(util); k++ {
		at := u.Phase + time.Duration(k)*u.Period
		if got := g.Line(fakedriver.GPUUtil).Mean(at-u.Period+time.Microsecond, at); got != float64(util[k]) {
			t.Fatalf("entry %d: %v, want %d", k, got, util[k])
		}
	}
	f := func(text, want string) {
		t.Helper()
		if _, err := fakedriver.Replay(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	header := "ring,stamp_microseconds,value,read_boot_microseconds,read_epoch_microseconds\n"
	f("", "EOF")
	f("a,b,c,d,e\n", "begins with")
	f(header, "no entries")
	f(header+"power,1,2,3,4\nwind,1,2,3,4\n", "line 3")
	f(header+"power,1,x,3,4\n", "line 2")
	f(header+"power,1,2,3\n", "wrong number of fields")
}
