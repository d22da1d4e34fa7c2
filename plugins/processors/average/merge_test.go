package average_test

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/internal/window/windowtest"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// What average and peak say of one window leaves as one metric, and nothing in it conflicts.
func TestMergesWithPeak(t *testing.T) {
	for seed := range uint64(20) {
		ac := average.Definition().NewConfig().(*average.Config)
		pc := peak.Definition().NewConfig().(*peak.Config)
		ac.Stats, pc.Min = []string{"mean", "min", "max"}, true
		ac.Period, pc.Period = 2*time.Second, 2*time.Second
		if seed%2 == 1 {
			ac.Every, pc.Every = time.Second, time.Second
		}
		a, err := average.New(ac)
		if err != nil {
			t.Fatal(err)
		}
		p, err := peak.New(pc)
		if err != nil {
			t.Fatal(err)
		}
		windowtest.CheckMerge(t, []windowtest.Processor{a, p}, seed)
	}
}

// A sample that is late for a short window before counts in a long one behind.
func TestLateForOneWindowOnly(t *testing.T) {
	for seed := range uint64(20) {
		ac, pc := average.Definition().NewConfig().(*average.Config), peak.Definition().NewConfig().(*peak.Config)
		ac.Period, pc.Period, pc.Every = time.Second, 10*time.Second, 5*time.Second
		a, err := average.New(ac)
		if err != nil {
			t.Fatal(err)
		}
		var p [2]*peak.Peak
		for i := range p {
			if p[i], err = peak.New(pc); err != nil {
				t.Fatal(err)
			}
		}
		windowtest.CheckLateElsewhere(t, a, p[0], p[1], "10s/5s", seed)
	}
}

func TestDefinition(t *testing.T) {
	d := average.Definition()
	p, err := d.New(d.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.(sdk.Flusher); !ok {
		t.Errorf("%T holds windows and is no Flusher", p)
	}
}
