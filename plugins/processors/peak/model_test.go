package peak

import (
	"flag"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/internal/window"
	"github.com/gpuline/gpuline/plugins/processors/internal/window/windowtest"
	"github.com/gpuline/gpuline/plugins/sdk"
)

var first = flag.Uint64("seed", 0, "first seed of TestAgainstModel")

// TestAgainstModel compares all that comes out with what the definitions in README.md say, computed from
// all samples of a window.
func TestAgainstModel(t *testing.T) {
	windows := []window.Config{
		{Period: time.Second, Lateness: time.Second, MaxGap: 30 * time.Second},
		{Period: 3 * time.Second, Lateness: time.Second, MaxGap: 2 * time.Second},
		{Period: 10 * time.Second, Lateness: 0, MaxGap: 30 * time.Second},
		{Period: 5 * time.Second, Every: time.Second, Lateness: time.Second, MaxGap: 30 * time.Second},
		{Period: 3 * time.Second, Every: 500 * time.Millisecond, Lateness: 2 * time.Second, MaxGap: 700 * time.Millisecond, Late: "keep"},
	}
	results := 0
	for seed := *first; seed < *first+60; seed++ {
		c := Config{Config: windows[seed%5], Min: seed%2 == 0, Evidence: seed%3 > 0, Above: map[string]float64{"level": 50, "other": 0.5, "whole": 20}}
		if seed%7 == 6 {
			c.Above = nil
		}
		p, err := New(&c)
		if err != nil {
			t.Fatal(err)
		}
		m := &windowtest.Model{
			Period: int64(c.Period), Every: int64(c.Every), Lateness: int64(c.Lateness), MaxGap: int64(c.MaxGap),
			Compute: func(columns map[string]*windowtest.Column, into map[string]any) {
				for _, col := range columns {
					if col.Kind == sdk.Gauge {
						model(&c, col, into)
					}
				}
			},
		}
		if m.Every == 0 {
			m.Every = m.Period
		}
		step := []int64{1e6, 20e6, 100e6, 300e6}[seed/3%4]
		results += windowtest.Check(t, p, m, seed, step, 300, c.Late == "keep")
	}
	if results < 3_000 {
		t.Errorf("only %d results were compared", results)
	}
}

func model(c *Config, col *windowtest.Column, into map[string]any) {
	in := col.In()
	number := func(v float64) any {
		if col.Type == sdk.Int {
			return int64(v)
		}
		return v
	}
	if len(in) > 0 {
		top, low := in[0], in[0]
		for _, p := range in {
			if p.V > top.V {
				top = p
			}
			if p.V < low.V {
				low = p
			}
		}
		into[col.Name+"_max"], into[col.Name+"_max_time"] = number(top.V), top.T
		if c.Min {
			into[col.Name+"_min"] = number(low.V)
		}
	}
	held := 0.0
	for i := range col.Points {
		held += col.Hold(i)
	}
	if len(in) == 0 && held == 0 {
		return
	}
	if level, ok := c.Above[col.Name]; ok {
		var above float64
		var rises int64
		for i, p := range col.Points {
			if p.V <= level {
				continue
			}
			above += col.Hold(i)
			was := i > 0 && col.Points[i-1].V > level && p.T-col.Points[i-1].T <= col.MaxGap
			if p.T >= col.Start && p.T < col.End && !was {
				rises++
			}
		}
		into[col.Name+"_above_seconds"], into[col.Name+"_excursions"] = above/1e9, rises
	}
	if c.Evidence {
		gap, last := int64(0), col.Start
		for _, p := range in {
			gap, last = max(gap, p.T-last), p.T
		}
		into[col.Name+"_samples"] = int64(len(in))
		into[col.Name+"_resolution_seconds"] = float64(max(gap, col.End-last)) / 1e9
	}
}
