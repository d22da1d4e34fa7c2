//go:build cgo

package dcgm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// newHostengine returns the input of the mode hostengine: an [sdk.Reader].
func newHostengine(c *Config) (any, error) {
	if !c.Isolate {
		return newEngine(c), nil
	}
	inner := *c
	inner.Isolate = false
	return isolate.New("dcgm", &inner)
}

// engine reads a hostengine through DCGM's client library. It is an [sdk.Reader] that sets its own pace: at each
// tick it takes all that the hostengine has sampled since the last one. All calls are made by Read.
type engine struct {
	config   *Config
	address  address
	only     selector.Selector
	interval time.Duration
	since    [tiers]time.Time // up to when samples have been fetched
	told     [tiers]time.Time // up to when they have been returned as rows

	env    *sdk.Env
	client *client
	conn   *connection // nil while there is none
	fleet  *fleet
	gpus   map[target]*watched
	order  []target
	health incidents
	policy *policies

	pace     pace
	next     time.Time // tick
	pause    time.Duration
	failures int // in a row, of reading
	scanned  time.Time
	checked  time.Time // health
	warned   map[string]bool

	values  *sdk.Number
	seconds *sdk.Number
	lost    *sdk.Number
}

// watched is an entity that the hostengine samples.
type watched struct {
	entity  *entity
	samples []point
	heard   time.Time // when it last had a value
	missing bool      // the hostengine does not list it any more
	why     string    // why it counts as lost, or ""
	gone    int64     // Unix ns of the first sample since the last report that says it is lost; 0 for none
}

func newEngine(c *Config) *engine {
	only, _ := selector.New(c.Devices) // Validate has seen both
	where, _ := parseAddress(c.Address)
	return &engine{config: c, only: only, address: where, interval: time.Second, pace: defaultPace, warned: make(map[string]bool)}
}

// Mark says up to when rows have been returned, for [isolate.Resumer].
func (e *engine) Mark(dst []byte) []byte {
	for _, t := range e.told {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(t.UnixNano()))
	}
	return dst
}

// Resume takes the mark of the process before this one.
func (e *engine) Resume(mark []byte) {
	if len(mark) != 8*len(e.since) {
		return
	}
	for i := range e.since {
		e.since[i] = time.Unix(0, int64(binary.LittleEndian.Uint64(mark[8*i:])))
	}
	e.told = e.since
}

// Open loads DCGM's library and connects. An error without [sdk.ErrPermanent] may pass.
func (e *engine) Open(_ context.Context, env *sdk.Env) error {
	if env.Interval > 0 {
		e.interval = env.Interval
	}
	c, err := openClient(e.config.Library)
	if err != nil {
		return err
	}
	e.env, e.client = env, c
	e.fleet, e.gpus, e.order = newFleet(env), make(map[target]*watched), nil
	e.policy = newPolicies(env)
	e.values = env.Meter.Counter("gpuline_dcgm_values_total", "Values that were fetched from the hostengine.")
	e.seconds = env.Meter.Counter("gpuline_dcgm_read_seconds_total", "Time that calls of DCGM's library have taken.")
	e.lost = env.Meter.Counter("gpuline_dcgm_overruns_total", "Times that more samples had come since the read before than DCGM's library hands out at once: they were skipped.")
	if err := e.connect(); err != nil {
		c.close()
		return err
	}
	e.next = time.Now()
	return nil
}

// Close lets go of the hostengine.
func (e *engine) Close() error {
	e.disconnect()
	e.client.close()
	return nil
}

// pace holds durations that tests shorten.
type pace struct {
	scan           time.Duration // between two looks for GPUs that have come or gone
	health         time.Duration // between two checks
	patience       time.Duration // how long a GPU may have no values, or the time of ten samples where that is longer
	first, longest time.Duration // pauses before the hostengine is tried again, doubled each time
}

var defaultPace = pace{scan: 5 * time.Second, health: 10 * time.Second, patience: 10 * time.Second, first: time.Second, longest: 30 * time.Second}

// mostFailures is how often in a row reading may fail before the connection is made anew.
const mostFailures = 3

// Read waits for the next tick, or for a violation that DCGM reports, and adds what came of it.
func (e *engine) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	t := time.NewTimer(time.Until(e.next))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case v := <-e.policy.reports:
		e.violated(b, v)
		return nil, nil
	case <-t.C:
	}
	began := time.Now()
	err := e.tick(b)
	e.seconds.Add(time.Since(began).Seconds())
	if e.next = e.next.Add(e.interval); e.conn == nil {
		e.pause = min(max(2*e.pause, e.pace.first), e.pace.longest)
		e.next = time.Now().Add(e.pause)
	} else if now := time.Now(); e.next.Before(now) {
		e.next = now.Add(e.interval)
	}
	return nil, err
}

func (e *engine) tick(b *sdk.Batch) error {
	if e.conn == nil {
		if err := e.connect(); err != nil {
			return err
		}
		e.env.Log.Info("connected to the hostengine again")
	}
	now := e.env.Now()
	if err := e.scan(now); err != nil {
		return e.failed(err)
	}
	for t := range e.conn.sets {
		if err := e.fetch(tier(t)); err != nil {
			return e.failed(err)
		}
	}
	e.failures = 0
	e.report(b, now)
	e.told = e.since
	if err := e.check(b, now); err != nil {
		return e.failed(fmt.Errorf("check health: %w", err))
	}
	return nil
}

// failed judges an error of a call: the connection may have to be made anew.
func (e *engine) failed(err error) error {
	e.failures++
	switch code := codeOf(err); {
	case code == codePaused:
		return fmt.Errorf("%w: the hostengine is paused: it samples nothing until it is resumed (dcgmi set --resume)", err)
	case code == codeConnection, e.failures >= mostFailures:
		e.disconnect()
		return fmt.Errorf("%w: the connection to the hostengine is made anew", err)
	}
	return err
}

// connect connects, and has the hostengine sample.
func (e *engine) connect() error {
	conn, err := connect(e.address)
	if err != nil {
		return err
	}
	e.conn = conn
	if err := e.prepare(); err != nil {
		e.disconnect()
		return err
	}
	e.pause, e.failures = 0, 0
	return nil
}

// every returns how often a tier is sampled.
func (e *engine) every(t tier) time.Duration {
	switch t {
	case tierProfiling:
		return max(e.config.ProfilingInterval, leastProfiling)
	case tierSlow:
		return max(e.config.SlowInterval, e.interval)
	}
	if e.config.SampleInterval > 0 {
		return e.config.SampleInterval
	}
	return e.interval
}

func (e *engine) prepare() error {
	now := e.env.Now()
	for t, ids := range e.config.wanted() {
		unknown, err := e.conn.define(tier(t), ids, e.every(tier(t)))
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			e.once("the hostengine does not know some fields; the others go on", "left_out", names(unknown))
		}
		if e.since[t].IsZero() {
			e.since[t], e.told[t] = now, now
		}
	}
	for _, w := range e.gpus {
		w.heard = now
	}
	e.scanned, e.checked = time.Time{}, now
	e.health = incidents{}
	return e.scan(now)
}

// once logs a warning the first time.
func (e *engine) once(message string, args ...any) {
	if !e.warned[message] {
		e.warned[message] = true
		e.env.Log.Warn(message, args...)
	}
}

func names(ids []int) (all []string) {
	for _, id := range ids {
		all = append(all, readings[id].DCGM.Name)
	}
	return all
}

// disconnect lets go of the hostengine.
func (e *engine) disconnect() {
	if e.conn == nil {
		return
	}
	e.policy.stop()
	e.conn.close()
	e.conn = nil
}

var errNoDevices = errors.New("the hostengine sees no GPU")
