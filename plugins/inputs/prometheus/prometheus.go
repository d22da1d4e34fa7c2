// Package prometheus is the input that scrapes pages of metrics in Prometheus' text format or in
// OpenMetrics: of inference servers, which mappings turn into the measurement inference, and of anything
// else, whose samples keep their names.
package prometheus

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"

	"github.com/gpuline/gpuline/plugins/inputs/internal/scrape"
	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("prometheus", "Pages of metrics: Triton, vLLM, TensorRT-LLM, any exporter", sample,
		func(c *Config) (any, error) { return New(c) })
}

// Prometheus is the input. It is an [sdk.Gatherer].
type Prometheus struct {
	config Config

	log       *slog.Logger
	badLines  *sdk.Number
	notFinite *sdk.Number
	client    *scrape.Client
	targets   []*target
}

// target is one page to scrape.
type target struct {
	url  string
	page *page

	// What the scrape at work has brought.
	answer scrape.Page
	err    error
}

// New returns an input of the configuration c.
func New(c *Config) (*Prometheus, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Prometheus{config: *c}, nil
}

// Open reads the mappings and certificates. It connects to nothing.
func (p *Prometheus) Open(_ context.Context, env *sdk.Env) error {
	mappings, err := loadMappings(p.config.Mappings)
	if err != nil {
		return err
	}
	if p.client, err = scrape.NewClient(&p.config.Access, p.config.MaxBody, env.Now); err != nil {
		return err
	}
	p.log = env.Log
	p.badLines = env.Meter.Counter("gpuline_prometheus_bad_lines_total", "Lines of scraped pages that could not be read and were left out.")
	p.notFinite = env.Meter.Counter("gpuline_prometheus_not_finite_total", "Samples of scraped pages that are no finite number, and were left out.")
	p.targets = nil
	value := sdk.Field{Name: field, Type: sdk.Float}
	growing := sdk.Field{Name: field, Type: sdk.Float, Kind: sdk.Counter}
	for _, text := range p.config.URLs {
		s := &settings{
			counters: p.config.Counters, stamps: p.config.Timestamps, raw: p.config.Raw,
			maxSeries: p.config.MaxSeries, mappings: mappings,
			plain: env.Catalog.Schema().With(value), growing: env.Catalog.Schema().With(growing),
		}
		if u, err := url.Parse(text); err == nil && p.config.InstanceTag != "" {
			s.extra = []sdk.Tag{{Key: p.config.InstanceTag, Value: u.Host}}
		}
		p.targets = append(p.targets, &target{url: text, page: newPage(env.Catalog, s)})
	}
	return nil
}

// Close closes idle connections.
func (p *Prometheus) Close() error {
	p.client.Close()
	return nil
}

// Gather scrapes all pages at once, and adds what stands on them. A page that cannot be had is an error;
// the others are added.
func (p *Prometheus) Gather(ctx context.Context, b *sdk.Batch) error {
	var scraping sync.WaitGroup
	for _, t := range p.targets[1:] {
		scraping.Go(func() { t.err = p.client.Get(ctx, t.url, &t.answer) })
	}
	first := p.targets[0]
	first.err = p.client.Get(ctx, first.url, &first.answer)
	scraping.Wait()
	var errs []error
	for _, t := range p.targets {
		if t.err != nil {
			errs = append(errs, fmt.Errorf("scrape %s: %w", scrape.Shown(t.url), t.err))
			continue
		}
		if err := p.add(b, t); err != nil {
			errs = append(errs, fmt.Errorf("scrape %s: %w", scrape.Shown(t.url), err))
		}
	}
	return errors.Join(errs...)
}

var (
	errCut     = errors.New("the page has no # EOF: it was cut")
	errCutLine = errors.New("the page was cut, or its last line has no end: that line is left out, since a part of a number is another one")
)

// add reads a page that was scraped.
func (p *Prometheus) add(b *sdk.Batch, t *target) error {
	a := &t.answer
	if a.OpenMetrics && !endsWithEOF(a.Body) {
		return errCut
	}
	text, cut := a.Body, error(nil)
	if end := bytes.LastIndexByte(text, '\n') + 1; a.MayBeCut && !a.OpenMetrics && len(bytes.TrimSpace(text[end:])) > 0 {
		text, cut = text[:end], errCutLine
	}
	g := t.page
	g.read(b, text, a.OpenMetrics, a.At.UnixNano())
	if bad := g.scanner.Bad; bad > 0 {
		p.badLines.Add(float64(bad))
		p.log.Warn("bad lines on a page were left out", "url", scrape.Shown(t.url), "count", bad, "line", g.scanner.Err.Line, "err", g.scanner.Err.Err)
	}
	p.notFinite.Add(float64(g.odd))
	if g.capped > 0 {
		b.Tally().Added += uint64(g.capped)
		b.Tally().AddDrops(sdk.DropSeriesCap, uint64(g.capped))
		p.log.Warn("the page has more samples than it may have", "url", scrape.Shown(t.url), "max_series", p.config.MaxSeries, "dropped", g.capped)
	}
	return cut
}

// endsWithEOF reports whether an OpenMetrics page is whole.
func endsWithEOF(body []byte) bool {
	return bytes.HasSuffix(bytes.TrimRight(body, "\r\n \t"), []byte("# EOF"))
}
