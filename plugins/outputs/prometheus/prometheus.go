// Package prometheus serves the newest values of the stream at /metrics of the agent's own server, in the
// Prometheus text format or OpenMetrics. A scrape reads a snapshot that Write has prepared: it never touches a
// GPU, and it holds Write up only for as long as the values take to copy. The agent's own figures stand on the
// same page.
package prometheus

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// Config is the table [[outputs.prometheus]].
type Config struct {
	Path      string        `toml:"path" doc:"Path of the page on the agent's server ([agent] http)." default:"/metrics"`
	Expire    time.Duration `toml:"expire" doc:"A series that was not updated for so long leaves the page." default:"5m" min:"1s"`
	PeakHold  time.Duration `toml:"peak_hold" doc:"A _max shows the greatest of so long, so that no scrape misses a peak: take at least twice the scrape interval. 0s shows the last window's." default:"60s" min:"0s"`
	MaxSeries int           `toml:"max_series" doc:"Lines that the page may have; metrics that would add more are rejected." default:"100000" min:"1"`
}

// Validate checks what the tags cannot say.
func (c *Config) Validate() error {
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " {}?#") {
		return sdk.Fault{Path: []string{"path"}, Problem: "is not a path", Remedy: `write it as "/metrics"`}
	}
	switch c.Path {
	case "/", "/healthz", "/healthz/inputs", "/readyz":
		return sdk.Fault{Path: []string{"path"}, Problem: "belongs to the agent", Remedy: `take another, such as "/metrics"`}
	}
	return nil
}

// Page returns where the page stands.
func (c *Config) Page() (key, path string) { return "path", c.Path }

// Definition describes the output to a registry.
func Definition() sdk.Definition {
	d := sdk.DefineOutput("prometheus", "Serves the newest values at /metrics, for Prometheus to scrape", sample,
		func(c *Config) (sdk.Output, error) { return New(c) })
	d.Common = map[string]any{"samples": true, "required": false, "flush_interval": "0s"}
	return d
}

// Prometheus is the output. Write and any number of scrapes may run at the same time.
type Prometheus struct {
	config Config
	now    func() time.Time
	start  time.Time
	totals func() iter.Seq[sdk.Total]

	mu    sync.Mutex // guards what follows, and all that hangs on it
	store *store
	table sdk.Table[seriesState, target]
	seats map[string]*seat

	version uint64 // of the store; it grows with each Write

	conflicts, scrapes, refused, series *sdk.Number

	serving atomic.Int64
	cache   cache
}

// New makes the output of a configuration.
func New(c *Config) (*Prometheus, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p := &Prometheus{
		config: *c,
		now:    time.Now,
		start:  time.Now(),
		store:  newStore(c.Expire, c.PeakHold, c.MaxSeries),
		seats:  make(map[string]*seat),
	}
	p.measure(nil)
	return p, nil
}

// Open puts the page on the agent's server.
func (p *Prometheus) Open(_ context.Context, env *sdk.Env) error {
	if env.Mux == nil {
		return sdk.Permanent(fmt.Errorf("serve %s: the agent's HTTP server is off: set [agent] http, such as http = \"127.0.0.1:9445\"",
			p.config.Path))
	}
	p.mu.Lock()
	p.now, p.start, p.totals = env.Now, env.Now(), env.Totals
	p.store = newStore(p.config.Expire, p.config.PeakHold, p.config.MaxSeries)
	p.table, p.seats = sdk.Table[seriesState, target]{}, make(map[string]*seat)
	p.version++
	p.measure(env.Meter)
	p.mu.Unlock()
	env.Mux.Handle(p.config.Path, p)
	return nil
}

func (p *Prometheus) measure(m *sdk.Meter) {
	p.conflicts = m.Counter("gpuline_prometheus_conflicts_total", "Fields left out because their name already stands for a metric of another type.")
	p.scrapes = m.Counter("gpuline_prometheus_scrapes_total", "Pages served.")
	p.refused = m.Counter("gpuline_prometheus_refused_total", "Scrapes told to come again, since too many were being served.")
	p.series = m.Gauge("gpuline_prometheus_series", "", "Series held for the page.")
}

// Write takes the batch's values into the snapshot, where the next scrape finds them. A row that needs
// more series than max_series leaves room for is rejected as a whole.
func (p *Prometheus) Write(_ context.Context, b *sdk.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.elapsed()
	if p.store.sweepNow(now) {
		p.leaveSeats()
	}
	if d := p.store.devices[""]; d != nil && b.Len() > 0 {
		d.seen = now // what belongs to no device lives for as long as there is any
	}
	var rejected []int
	i := 0
	for m := range b.All() {
		if !p.take(m, now) {
			rejected = append(rejected, i)
		}
		i++
	}
	p.version++
	p.series.Set(float64(p.store.len))
	if rejected != nil {
		return &sdk.PartialError{Rejected: rejected, Err: fmt.Errorf("add to the page: it has max_series = %d already", p.config.MaxSeries)}
	}
	return nil
}

// elapsed is the time since Open; unlike the time of day it never steps.
func (p *Prometheus) elapsed() int64 { return int64(p.now().Sub(p.start)) }
