package dcgm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"

	"github.com/gpuline/gpuline/plugins/inputs/dcgm/counters"
	"github.com/gpuline/gpuline/plugins/inputs/internal/exposition"
	"github.com/gpuline/gpuline/plugins/inputs/internal/scrape"
	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// exporter scrapes dcgm-exporter's page. It is an [sdk.Gatherer].
type exporter struct {
	config *Config
	only   selector.Selector

	client  *scrape.Client
	page    scrape.Page
	scanner exposition.Scanner
	book    *book
}

func newExporter(c *Config) *exporter {
	only, _ := selector.New(c.Devices) // Validate has seen it
	return &exporter{config: c, only: only}
}

// Open reads the files that the configuration names, and connects nowhere.
func (x *exporter) Open(_ context.Context, env *sdk.Env) error {
	custom, err := x.readCounters()
	if err != nil {
		return err
	}
	if x.client, err = scrape.NewClient(&x.config.Access, x.config.MaxBody, env.Now); err != nil {
		return fmt.Errorf("open dcgm-exporter's page: %w", err)
	}
	x.book = newBook(newFleet(env), env, x.config.Labels, custom)
	x.book.only = x.only
	x.book.hostLabel = x.config.HostTag == "label" || x.config.HostTag != "agent" && !isLocal(x.config.URL)
	return nil
}

// Close ends the connection.
func (x *exporter) Close() error {
	x.client.Close()
	return nil
}

// readCounters returns the fields of the counters file that the vocabulary does not know.
func (x *exporter) readCounters() (map[string]sdk.Field, error) {
	if x.config.Counters == "" {
		return nil, nil
	}
	text, err := os.ReadFile(x.config.Counters)
	if err != nil {
		return nil, fmt.Errorf("read `counters`: %w", err)
	}
	list, faults := counters.Parse(string(text))
	if len(faults) > 0 {
		return nil, fmt.Errorf("read `counters`: %s:%d: %s", x.config.Counters, faults[0].Line, faults[0].Problem)
	}
	return customFields(list), nil
}

// isLocal reports whether a URL leads to this host.
func isLocal(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Gather reads the page and adds a row of each GPU on it.
func (x *exporter) Gather(ctx context.Context, b *sdk.Batch) error {
	if err := x.client.Get(ctx, x.config.URL, &x.page); err != nil {
		return fmt.Errorf("read %s: %w", scrape.Shown(x.config.URL), err)
	}
	s := &x.scanner
	s.OpenMetrics = x.page.OpenMetrics
	for s.Reset(x.page.Body); s.Next(); {
		x.book.take(s)
	}
	at := x.page.At.UnixNano()
	switch {
	case s.Samples > 0:
		return x.book.finish(b, at, s.Whole())
	case s.Err != nil:
		return fmt.Errorf("%s is no page of metrics: %w", scrape.Shown(x.config.URL), s.Err)
	}
	x.book.nobody(b, at, "dcgm-exporter's page is empty")
	return fmt.Errorf("%s is no page of metrics: %w", scrape.Shown(x.config.URL), errEmpty)
}

var errEmpty = errors.New("it is empty: dcgm-exporter has not collected yet, or sees no GPU")
