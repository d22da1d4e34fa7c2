package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// lines returns the rows of a measurement as text.
func lines(b *sdk.Batch, measurement string) (all []string) {
	for m := range b.Samples() {
		if m.Name() == measurement {
			all = append(all, sdktest.Line(m))
		}
	}
	return all
}

// servers returns the rows of measurement inference by index of the GPU.
func servers(b *sdk.Batch) map[string]*sdk.Metric {
	rows := map[string]*sdk.Metric{}
	for m := range b.Samples() {
		if m.Name() == vocabulary.Inference {
			rows[m.Tag(vocabulary.TagIndex)] = m
		}
	}
	return rows
}

// TestServerChangesNothing holds that GPUs are the same whether somebody looks at their servers or not.
func TestServerChangesNothing(t *testing.T) {
	with := newMachine(t, func(c *Config) { c.Inference = true })
	without := newMachine(t, nil)
	for range 50 {
		a, b := with.after(100*time.Millisecond), without.after(100*time.Millisecond)
		if diff := cmp.Diff(lines(b, vocabulary.GPU), lines(a, vocabulary.GPU)); diff != "" {
			t.Fatal(diff)
		}
		if n, m := len(servers(a)), len(servers(b)); n != 8 || m != 0 {
			t.Fatalf("%d and %d servers", n, m)
		}
	}
}

// TestLatencyFollowsTheClock compares what requests take with the clocks of the time. The mean of a burst at full
// clock is that of a logarithmically even spread from 10 to 200 ms.
func TestLatencyFollowsTheClock(t *testing.T) {
	full := 0.19 / math.Log(20)
	f := func(scenario, gpu string, from, until time.Duration, least, most float64) {
		t.Helper()
		m := newMachine(t, func(c *Config) { c.Scenario, c.GPUs, c.Inference = scenario, 2, true })
		m.after(from)
		before, took, clock, n := 0.0, 0.0, 0.0, 0
		for at := from; at < until; at += 100 * time.Millisecond {
			b := m.after(100 * time.Millisecond)
			s := servers(b)[gpu]
			requests := number(t, s, "requests")
			mean, some := s.Number("latency_seconds")
			if ended := requests - before; before > 0 && some != (ended > 0) {
				t.Fatalf("%v requests ended, latency %v (%v)", ended, mean, some)
			} else if before > 0 {
				took += ended * mean
				n += int(ended)
			}
			before = requests
			clock += number(t, samples(b)[gpu], "clock_sm_hertz") / float64((until-from)/(100*time.Millisecond))
		}
		ratio := clock / fastest
		if ratio < least || ratio > most {
			t.Errorf("%s: GPU %s has %.2f of its clock", scenario, gpu, ratio)
		}
		if got, want := took/float64(n), full/ratio; math.Abs(got/want-1) > 0.12 {
			t.Errorf("%s: %d requests took %.4f s on average, want %.4f", scenario, n, got, want)
		}
	}
	f("inference", "1", 10*time.Second, 5*time.Minute, 0.99, 1)
	f("thermal", "1", time.Minute, 5*time.Minute, 0.7, 0.9)
	f("power_cap", "1", time.Minute, 5*time.Minute, 0.7, 0.9)
}

// A card that falls off the bus takes its server along, and the request at hand.
func TestServerOfALostCard(t *testing.T) {
	m := newMachine(t, func(c *Config) { c.Scenario, c.GPUs, c.Inference = "lost_gpu", 1, true })
	if len(servers(m.after(time.Second))) != 1 {
		t.Error("no server before")
	}
	if len(servers(m.after(30*time.Second))) != 0 {
		t.Error("a server after")
	}
}

// Where a model is loaded again, the request at hand fails.
func TestServerThatRestarts(t *testing.T) {
	m := newMachine(t, func(c *Config) { c.Scenario, c.GPUs, c.Inference = "memory_leak", 8, true })
	var b *sdk.Batch
	for range 10 {
		b = m.after(time.Minute)
	}
	failed := 0.0
	for _, s := range servers(b) {
		failed += number(t, s, "errors")
	}
	if failed == 0 {
		t.Error("no request has failed")
	}
}
