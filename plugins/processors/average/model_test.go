package average

import (
	"flag"
	"math"
	"slices"
	"strconv"
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
		{Period: 20 * time.Second, Every: 10 * time.Second, Lateness: 0, MaxGap: 5 * time.Second},
		{Period: 100 * time.Millisecond, Lateness: 2 * time.Second, MaxGap: 3 * time.Second},
	}
	stats := [][]string{
		{"mean"},
		{"mean", "min", "max", "stddev", "p50", "p95", "p99"},
		{"stddev", "max"},
	}
	results := 0
	for seed := *first; seed < *first+70; seed++ {
		c := Config{
			Config: windows[seed%7], Weight: []string{"time", "sample"}[seed/7%2], Stats: stats[seed/14%3],
			MaxSamples: 65536, FromCounter: map[string]string{"power_watts": "energy_joules"},
		}
		if seed%5 == 4 {
			c.FromCounter = nil
		}
		a, err := New(&c)
		if err != nil {
			t.Fatal(err)
		}
		m := &windowtest.Model{
			Period: int64(c.Period), Every: int64(c.Every), Lateness: int64(c.Lateness), MaxGap: int64(c.MaxGap),
			Compute: func(columns map[string]*windowtest.Column, into map[string]any) { model(&c, columns, into) },
		}
		if m.Every == 0 {
			m.Every = m.Period
		}
		step := []int64{1e6, 20e6, 100e6, 300e6}[seed/3%4]
		results += windowtest.Check(t, a, m, seed, step, 300, c.Late == "keep")
	}
	if results < 5_000 {
		t.Errorf("only %d results were compared", results)
	}
}

func model(c *Config, columns map[string]*windowtest.Column, into map[string]any) {
	for name, col := range columns {
		if col.Kind == sdk.Counter {
			if v, ok := modelRate(col); ok {
				into[name+"_rate"] = v
			}
		} else {
			modelGauge(c, col, into)
		}
	}
	for gauge, counter := range c.FromCounter {
		if col := columns[counter]; col != nil && slices.Contains(c.Stats, "mean") {
			if v, ok := modelGrowth(col); ok {
				into[gauge+"_mean"] = v
			}
		}
	}
}

func modelGauge(c *Config, col *windowtest.Column, into map[string]any) {
	in := col.In()
	var weights, values []float64
	for i, p := range col.Points {
		w := col.Hold(i)
		if c.Weight == "sample" {
			w = 0
			if p.T >= col.Start && p.T < col.End {
				w = 1
			}
		}
		if w > 0 {
			weights, values = append(weights, w), append(values, p.V)
		}
	}
	var sum, weight, square float64
	for i, v := range values {
		sum += v * weights[i]
		weight += weights[i]
	}
	for i, v := range values {
		square += (v - sum/weight) * (v - sum/weight) * weights[i]
	}
	number := func(v float64) any {
		if col.Type == sdk.Int {
			return int64(v)
		}
		return v
	}
	for _, s := range c.Stats {
		key := col.Name + "_" + s
		switch s {
		case "mean":
			if weight > 0 {
				into[key] = sum / weight
			} else if len(in) > 0 {
				into[key] = in[len(in)-1].V
			}
		case "stddev":
			if weight > 0 {
				into[key] = math.Sqrt(square / weight)
			} else if len(in) > 0 {
				into[key] = 0.0
			}
		default:
			if len(in) == 0 {
				continue
			}
			sorted := make([]float64, 0, len(in))
			for _, p := range in {
				sorted = append(sorted, p.V)
			}
			slices.Sort(sorted)
			switch s {
			case "min":
				into[key] = number(sorted[0])
			case "max":
				into[key] = number(sorted[len(sorted)-1])
			default:
				p, err := strconv.Atoi(s[1:])
				if err != nil {
					panic(err)
				}
				at := 0
				for (at+1)*100 < p*len(sorted) {
					at++
				}
				into[key] = sorted[at]
			}
		}
	}
}

func modelRate(col *windowtest.Column) (float64, bool) {
	var used []windowtest.Point
	for _, p := range col.Points {
		if p.T < col.Start {
			used = []windowtest.Point{p}
		} else if p.T < col.End {
			used = append(used, p)
		}
	}
	if len(col.In()) == 0 || used[len(used)-1].T == used[0].T {
		return 0, false
	}
	grown := 0.0
	for i, p := range used[1:] {
		if p.V >= used[i].V {
			grown += p.V - used[i].V
		} else {
			grown += p.V
		}
	}
	return grown / (float64(used[len(used)-1].T-used[0].T) / 1e9), true
}

// modelGrowth integrates the slope between readings.
func modelGrowth(col *windowtest.Column) (float64, bool) {
	grown, known := 0.0, int64(0)
	for i := range len(col.Points) - 1 {
		p, q := col.Points[i], col.Points[i+1]
		if q.T-p.T > col.MaxGap {
			continue
		}
		d := q.V - p.V
		if d < 0 {
			d = q.V
		}
		if p.T == q.T {
			if p.T >= col.Start && p.T < col.End {
				grown += d
			}
			continue
		}
		if from, to := max(p.T, col.Start), min(q.T, col.End); to > from {
			grown += d * float64(to-from) / float64(q.T-p.T)
			known += to - from
		}
	}
	return grown / (float64(col.End-col.Start) / 1e9), known == col.End-col.Start
}
