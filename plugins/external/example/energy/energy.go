package main

import (
	"context"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

type config struct {
	Period   time.Duration `toml:"period" doc:"Length of the windows, aligned to the epoch, over which energy and requests are counted." default:"10s" min:"1s" max:"1h"`
	Energy   string        `toml:"energy" doc:"Field of the metric gpu: a counter of joules." default:"energy_joules"`
	Metric   string        `toml:"metric" doc:"Metric of the inference server." default:"inference"`
	Requests string        `toml:"requests" doc:"Its field that counts requests." default:"requests_total"`
}

type processor struct {
	config
	gpus    sdk.Table[struct{}, counter]
	servers sdk.Table[struct{}, counter]
	hosts   map[string]*window
	order   []string // of the hosts, as first seen
}

// counter is the last reading of a counter.
type counter struct {
	known bool
	value float64
}

// growth returns what the counter has counted since the last reading; a counter that was reset begins anew.
func (c *counter) growth(v float64) float64 {
	before := *c
	*c = counter{true, v}
	switch {
	case !before.known:
		return 0
	case v < before.value:
		return v
	}
	return v - before.value
}

// window is what was counted on one host.
type window struct {
	number           int64 // its start, in periods since 1970
	joules, requests float64
}

func build(c *config) (sdk.Processor, error) {
	return &processor{config: *c, hosts: make(map[string]*window)}, nil
}

// Process counts, and adds a result behind the sample that is the first of another window. All samples pass
// as they are.
func (p *processor) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.Samples() {
		switch m.Name() {
		case "gpu":
			if v, ok := m.Number(p.Energy); ok && v >= 0 {
				p.window(b, m).joules += cell(&p.gpus, m, p.Energy).growth(v)
			}
		case p.Metric:
			if v, ok := m.Number(p.Requests); ok && v >= 0 {
				p.window(b, m).requests += cell(&p.servers, m, p.Requests).growth(v)
			}
		}
	}
	return nil
}

// cell returns the state of one field of m's series.
func cell(t *sdk.Table[struct{}, counter], m *sdk.Metric, field string) *counter {
	row, _ := t.Row(m)
	if i := row.Slots(m)[m.Schema().Slot(field)]; i >= 0 {
		return row.Cell(i)
	}
	return &counter{}
}

// window returns the window of m's host, and closes the one before. A sample that comes late counts in the
// window that is open.
func (p *processor) window(b *sdk.Batch, m *sdk.Metric) *window {
	host := m.Tag("host")
	number := m.Time() / int64(p.Period)
	w := p.hosts[host]
	if w == nil {
		w = &window{number: number}
		p.hosts[host] = w
		p.order = append(p.order, host)
	}
	if number > w.number {
		p.close(b, host, w)
		w.number = number
	}
	return w
}

// close adds what a window has come to: nothing where there were no requests or no readings.
func (p *processor) close(b *sdk.Batch, host string, w *window) {
	if w.requests > 0 && w.joules > 0 {
		end := (w.number + 1) * int64(p.Period)
		r := b.Add(b.Series("inference_energy", sdk.Tag{Key: "host", Value: host}, sdk.Tag{Key: "window", Value: p.Period.String()}), end)
		r.SetClass(sdk.ClassResult)
		r.SetNumber(sdk.Field{Name: "energy_joules", Unit: "joules", Type: sdk.Float}, w.joules)
		r.SetNumber(sdk.Field{Name: "requests", Type: sdk.Float}, w.requests)
		r.SetNumber(sdk.Field{Name: "request_energy_joules", Unit: "joules", Type: sdk.Float}, w.joules/w.requests)
	}
	w.joules, w.requests = 0, 0
}

// Flush closes what is open at the end.
func (p *processor) Flush(_ context.Context, _ time.Time, final bool, b *sdk.Batch) error {
	if final {
		for _, host := range p.order {
			p.close(b, host, p.hosts[host])
		}
	}
	return nil
}
