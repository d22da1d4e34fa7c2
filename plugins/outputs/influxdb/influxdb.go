// Package influxdb is the output that writes to InfluxDB 1, 2 and 3, and to what speaks their write APIs, such
// as VictoriaMetrics.
//
// A batch is encoded once and sent as one request, or as one for each database where the database's name
// depends on tags. What becomes of a request depends on the status alone: [judge] holds the table. A batch
// that is not through when an error ends Write stays as a [job], so that the next Write of it goes on where
// this one stopped: what was stored is not sent again, and what was refused is not counted twice.
package influxdb

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/internal/deadletter"
	"github.com/gpuline/gpuline/plugins/internal/urls"
	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// Definition describes the output to a registry.
func Definition() sdk.Definition {
	return sdk.DefineOutput("influxdb", "Writes to InfluxDB 1, 2 and 3, and to VictoriaMetrics", sample,
		func(c *Config) (sdk.Output, error) { return New(c) })
}

// InfluxDB is the output.
type InfluxDB struct {
	config    Config
	endpoints []*endpoint
	current   int          // of endpoints: the one that worked last
	header    *http.Header // of each request; a pointer, so that a print of the output does not show the secret in it
	log       *slog.Logger
	now       func() time.Time
	encoder   encoder
	packer    packer
	dead      *deadletter.File // nil without one
	figures   figures

	fresh   job  // what Write encodes into
	unsent  *job // of the last Write, if it ended before all was settled
	maxBody int  // bytes of a request, before compression, that the server has not found too large; 0 for any
}

// New makes the output of a configuration.
func New(c *Config) (*InfluxDB, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	o := &InfluxDB{config: *c, header: c.header(), log: slog.New(slog.DiscardHandler), now: time.Now}
	for _, text := range urls.All(c.URL, c.URLs) {
		e, err := newEndpoint(text, c.api())
		if err != nil {
			return nil, err
		}
		o.endpoints = append(o.endpoints, e)
	}
	o.encoder = encoder{uint: c.Uint, router: newRouter(c)}
	if c.DeadLetter.Path != "" {
		o.dead = deadletter.New(c.DeadLetter, func() time.Time { return o.now() })
	}
	o.measure(nil)
	return o, nil
}

// Open reads the certificates. It connects to nothing: that is the first Write's.
func (o *InfluxDB) Open(_ context.Context, env *sdk.Env) error {
	tlsConfig, err := o.config.TLS.Load()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	o.log, o.now = env.Log, env.Now
	o.measure(env.Meter)
	for _, e := range o.endpoints {
		e.open(tlsConfig, o.config.ProxyFromEnvironment)
	}
	if o.dead != nil {
		if err := o.dead.Check(); err != nil {
			o.log.Error("what the server refuses will be lost: make the folder writable for the agent, or change `dead_letter`", "err", err)
		}
	}
	return nil
}

// Close lets go of the connections.
func (o *InfluxDB) Close() error {
	o.unsent = nil
	for _, e := range o.endpoints {
		e.close()
	}
	return nil
}

// Write returns once the server has confirmed all rows but those that it refuses for good, which the
// [*sdk.PartialError] names.
func (o *InfluxDB) Write(ctx context.Context, b *sdk.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	j := o.take(b)
	if err := o.deliver(ctx, j); err != nil {
		o.keep(j)
		return err
	}
	o.unsent = nil
	return o.settle(j)
}

// take encodes b, and returns the job of the last Write where that was for the same rows.
func (o *InfluxDB) take(b *sdk.Batch) *job {
	left := o.encoder.encode(&o.fresh, b)
	if o.unsent != nil && o.unsent.same(&o.fresh) {
		return o.unsent
	}
	o.unsent = nil
	o.figures.leftOut(left)
	o.fresh.plan(o.maxBody)
	return &o.fresh
}

// keep leaves the job for the next Write, which encodes into memory of its own.
func (o *InfluxDB) keep(j *job) {
	if j == &o.fresh {
		kept := o.fresh
		o.unsent, o.fresh = &kept, job{}
	}
}

// settle puts aside what was refused, and names it.
func (o *InfluxDB) settle(j *job) error {
	if len(j.refused) == 0 {
		return nil
	}
	slices.SortFunc(j.refused, func(a, b refusal) int { return a.row - b.row })
	partial := &sdk.PartialError{Err: errors.New(j.refused[0].reason)}
	entries := make([]deadletter.Entry, len(j.refused))
	for i, r := range j.refused {
		partial.Rejected = append(partial.Rejected, r.row)
		entries[i] = deadletter.Entry{Reason: r.reason, Line: r.line}
	}
	if o.dead == nil {
		return partial
	}
	if err := o.dead.Append(entries); err != nil {
		o.log.Error("what the server refused is lost", "err", err, "metrics", len(entries))
		return partial
	}
	partial.DeadLettered = true
	partial.Err = fmt.Errorf("%w (put into %s)", partial.Err, o.dead.Path())
	return partial
}
