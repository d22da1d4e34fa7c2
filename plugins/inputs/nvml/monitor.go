//go:build cgo

package nvml

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// monitor reads the GPUs of this host in this process. It is an [sdk.Reader] that sets its own pace: each
// Read waits for the next tick, or for an event that the driver reports.
type monitor struct {
	config   *Config
	only     selector.Selector
	clock    clock         // nil for the host's
	patience time.Duration // of the rota; 0 for an interval
	first    time.Duration // of the first scan
	pause    time.Duration // between two drains of the rings, at least; 0 for a drain each tick
	drains   time.Duration // what all calls that drain have taken
	dearness time.Duration // what the last drain asks of the time until the next
	marks    marks         // behind all rows that were returned

	session *session
	devices []*device
	jobs    []job // the devices
	counted []job // in the round between two ticks
	scan    *scan
	scanned int64
	looked  bool // a scan has ended
	watch   *watch
	rota    *rota
	down    bool // the driver has gone
	drained int64

	start time.Time
	ticks time.Duration
	hurry bool // tick at once, and tell what came of it
	told  map[job]int64
}

func newMonitor(c *Config) *monitor {
	only, _ := selector.New(c.Devices) // Validate has seen it
	return &monitor{config: c, only: only, pause: drainInterval, first: firstPatience, marks: marks{}, told: make(map[job]int64)}
}

// Mark says how far the rings have been told, for [isolate.Resumer].
func (m *monitor) Mark(dst []byte) []byte { return m.marks.append(dst) }

// Resume takes the marks of the process before this one. Without them its rings are read from now on.
func (m *monitor) Resume(mark []byte) {
	if all, err := parseMarks(mark); err == nil {
		m.marks = all
	}
}

// Live says that the GPUs work on, whether or not the agent has room.
func (m *monitor) Live() bool { return true }

// Open loads the driver's library and looks for the GPUs. An error without [sdk.ErrPermanent] may pass.
func (m *monitor) Open(_ context.Context, env *sdk.Env) error {
	if m.clock == nil {
		m.clock = hostClock(env.Now)
	}
	lib, err := openLibrary(m.config.Library)
	if err != nil {
		return m.again(err)
	}
	m.session = &session{
		lib: lib, tiers: m.config.tiers(env.Interval), config: m.config, env: env, clock: m.clock,
		costs: newCosts(env.Meter), marks: maps.Clone(m.marks), since: m.clock().wall, draining: new(atomic.Bool), counting: new(atomic.Bool),
	}
	if m.patience == 0 {
		m.patience = max(m.session.tiers.fast, leastPatience)
	}
	m.rota = newRota(m.patience, most)
	m.watch = newWatch(lib)
	if err := m.look(); err != nil {
		return m.again(errors.Join(err, m.release()))
	}
	m.start, m.ticks = time.Now(), 0
	return nil
}

// drainInterval is the shortest time between two drains of the rings. They hold what lies between, each
// sample with its own time, so that draining more often would cost the driver calls and show nothing more.
// It is well below the lateness of windows. Rows leave with the drain.
const drainInterval = 250 * time.Millisecond

// longestPause is as long as drains may wait where they are dear: rings hold two seconds and more.
const longestPause = time.Second

const (
	// leastPatience is how long a call may take before the others go on without it.
	leastPatience = 50 * time.Millisecond
	most          = 1024 // GPUs
)

// again marks what a new process can do and this one cannot.
func (m *monitor) again(err error) error {
	if errors.Is(err, errVersion) {
		return fmt.Errorf("%w: %w", err, isolate.ErrFresh)
	}
	return err
}

// firstPatience is how long the first scan may take before the ticks begin without it. A driver in which nobody
// keeps the GPUs initialised does so now, for seconds each, and anew for a process after this one.
const firstPatience = 3 * time.Second

// look makes the first scan.
func (m *monitor) look() error {
	m.scan = &scan{session: m.session, only: m.only, known: m.devices}
	m.scanned = m.clock().wall
	m.rota.patience = m.first
	m.rota.run([]job{m.scan}, m.scanned)
	m.rota.patience = m.patience
	if _, hangs := m.rota.stuck[m.scan]; hangs {
		m.session.env.Log.Warn("the driver is still initialising the GPUs: they are waited for, and longer at each start; enable persistence mode")
		return nil
	}
	m.looked = true
	if err := m.verdict(); err != nil {
		return err
	}
	m.meet(m.scan)
	return nil
}

// verdict says what is wrong with what the first scan found.
func (m *monitor) verdict() error {
	switch {
	case m.scan.err != nil && len(m.scan.found) == 0:
		return m.scan.err
	case m.scan.total == 0:
		return errors.New("the driver sees no GPU")
	case len(m.scan.found) == 0:
		return fmt.Errorf("none of the host's %d GPUs is one of `devices` = %q", m.scan.total, m.config.Devices)
	case m.scan.err != nil:
		m.session.env.Log.Warn("some GPUs cannot be read", "err", m.scan.err)
	}
	return nil
}

// Read waits for the next ticks or an event, until there is something to tell.
func (m *monitor) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for b.Len() == 0 {
		if err := m.next(ctx, b); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// next waits for a tick, an event, or counters that cannot wait for the tick.
func (m *monitor) next(ctx context.Context, b *sdk.Batch) error {
	interval := m.session.tiers.fast
	wait := time.Until(m.start.Add(m.ticks * interval))
	if m.hurry {
		wait = 0
	}
	soonest := m.soonest(m.clock().wall)
	between := soonest < wait
	t := time.NewTimer(min(wait, soonest))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case e := <-m.watch.reports:
		for _, d := range m.devices {
			if d.handle == e.Device && !m.hangs(d) {
				d.report(e)
				m.hurry = true
			}
		}
		return nil
	case <-t.C:
	}
	if between {
		m.count(m.clock().wall)
		return nil
	}
	if !m.hurry {
		m.ticks = max(m.ticks+1, time.Since(m.start)/interval)
	}
	return m.tick(b)
}

// tick makes the calls that are due and, where they empty the rings, collects their rows.
func (m *monitor) tick(b *sdk.Batch) error {
	now := m.clock().wall
	if m.down {
		return m.revive(now, b)
	}
	pause := m.pause
	if pause > 0 {
		pause = max(pause, min(m.dearness, longestPause))
	}
	drain := m.hurry || now-m.drained >= int64(pause-m.session.tiers.fast/4) // a tick may come a little early
	if drain {
		m.drained, m.hurry = now, false
	}
	m.session.draining.Store(drain)
	jobs := m.jobs
	scanning := now-m.scanned >= int64(scanInterval)
	if scanning {
		m.scanned = now
		if _, hangs := m.rota.stuck[m.scan]; !hangs {
			m.scan.known = slices.Clone(m.devices)
			jobs = append(slices.Clone(jobs), m.scan)
		}
	}
	m.rota.run(jobs, now)
	var err error
	if drain {
		err = m.complain(b, now)
		m.collect(b)
		all, _ := m.session.costs.of(callSamples)
		m.dearness, m.drains = dear*(all-m.drains), all
	}
	if _, hangs := m.rota.stuck[m.scan]; scanning && !hangs && len(jobs) > len(m.jobs) {
		if !m.looked {
			m.looked = true
			err = errors.Join(err, m.verdict())
		}
		m.meet(m.scan)
	}
	for _, d := range m.devices {
		if !m.hangs(d) && d.broken != nil {
			return errors.Join(err, m.fall(d.broken, now, b))
		}
	}
	return err
}

func (m *monitor) hangs(d *device) bool {
	_, stuck := m.rota.stuck[d]
	return stuck
}

// collect moves the rows of the GPUs to b.
func (m *monitor) collect(b *sdk.Batch) {
	for _, d := range m.devices {
		if m.hangs(d) {
			continue
		}
		if errors.Is(d.broken, errVersion) { // the process that follows reads on from the mark
			d.batch.Reset()
			continue
		}
		for row := range d.batch.All() {
			if row.Len() > 0 { // else the GPU has nothing of that tier, or was lost before it
				b.Copy(row)
			}
		}
		for _, drop := range d.batch.Tally().Drops { // the catalog is full
			b.Tally().Added += drop.Count
			b.Tally().AddDrops(drop.Reason, drop.Count)
		}
		d.batch.Reset()
		m.marks[known(d.id)] = d.mark()
	}
}

// lostRow adds the row of a GPU that does not answer.
func lostRow(b *sdk.Batch, d *device, at int64) {
	b.Add(b.Series(vocabulary.GPU, d.tags...), at).Set(up, sdk.IntValue(0))
}

// release lets go of the driver. What hangs in it cannot be let go: that is the error.
func (m *monitor) release() error {
	free := m.watch.close()
	m.rota.close()
	hang := len(m.rota.stuck)
	if !free {
		hang++
	}
	if hang > 0 {
		return fmt.Errorf("close NVML: %d calls hang in the driver, and are left there", hang)
	}
	for _, d := range m.devices {
		d.stopProfiling()
		d.setInstances(nil)
	}
	m.session.lib.close()
	return nil
}

// Close lets go of the driver.
func (m *monitor) Close() error { return m.release() }
