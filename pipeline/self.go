package pipeline

import (
	"context"
	"iter"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Totals loops over the agent's own figures as they are now: what it costs, and what became of the metrics.
// It may be called from any goroutine.
func (p *Pipeline) Totals() iter.Seq[sdk.Total] {
	l := p.Ledger()
	all := slices.Concat(p.process(), l.totals())
	for _, m := range p.meters() {
		all = slices.AppendSeq(all, m.Totals())
	}
	return slices.Values(all)
}

// meters returns the meters of the plugins at work, and of those that only deliver what they still have.
func (p *Pipeline) meters() []*sdk.Meter {
	p.mu.Lock()
	defer p.mu.Unlock()
	byName := make(map[string]*sdk.Meter)
	for _, c := range p.ending {
		for at := range c.all() {
			byName[at.name] = at.env.Meter
		}
	}
	for _, o := range p.leaving {
		byName[o.name] = o.env.Meter
	}
	for _, at := range p.graph.parts {
		byName[at.base().name] = at.base().env.Meter
	}
	meters := []*sdk.Meter{p.meter}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		meters = append(meters, byName[name])
	}
	return meters
}

// process returns the figures of the operating system's process and of the catalog.
func (p *Pipeline) process() []sdk.Total {
	var ru syscall.Rusage
	cpu := 0.0
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		cpu = seconds(ru.Utime) + seconds(ru.Stime)
	}
	return []sdk.Total{
		{
			Name: "gpuline_cpu_seconds_total", Kind: sdk.Counter, Unit: "seconds", Value: cpu,
			Help: "Processor time that the agent has used.",
		},
		{
			Name: "gpuline_resident_bytes", Unit: "bytes", Value: resident(),
			Help: "Memory that the agent occupies.",
		},
		{
			Name: "gpuline_uptime_seconds", Unit: "seconds", Value: time.Since(p.started).Seconds(),
			Help: "Time since the agent started.",
		},
		{
			Name: "gpuline_series", Value: float64(p.catalog.Len()),
			Help: "Series that the agent remembers.",
		},
		{
			Name: "gpuline_schemas", Value: float64(p.catalog.Schemas()),
			Help: "Lists of fields that the agent remembers, those on the way to a longer one included.",
		},
	}
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// resident reads the resident set from /proc; it is 0 where there is none.
func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize())
}

// totals returns the ledger as figures. What reloads have ended is not in it: its sums would stand still for ever,
// as those of an input do that reads nothing.
func (l *Ledger) totals() []sdk.Total {
	var all []sdk.Total
	count := func(name, help string, value uint64, tags ...sdk.Tag) {
		all = append(all, sdk.Total{Name: name, Kind: sdk.Counter, Help: help, Value: float64(value), Tags: tags})
	}
	gauge := func(name, help string, unit sdk.Unit, value uint64, tags ...sdk.Tag) {
		all = append(all, sdk.Total{Name: name, Unit: unit, Help: help, Value: float64(value), Tags: tags})
	}
	drops := func(tag sdk.Tag, drops []sdk.Drop, usual ...sdk.Reason) {
		for _, reason := range usual { // from 0 on, so that the first of them is a growth
			if !slices.ContainsFunc(drops, func(d sdk.Drop) bool { return d.Reason == reason }) {
				drops = append(slices.Clip(drops), sdk.Drop{Reason: reason})
			}
		}
		for _, d := range drops {
			count("gpuline_dropped_total", "Metrics dropped, by reason.", d.Count, tag, sdk.Tag{Key: "reason", Value: string(d.Reason)})
		}
	}
	for i := range l.Stages[:l.stages] {
		s := &l.Stages[i]
		tag := sdk.Tag{Key: "plugin", Value: s.Name}
		switch s.Role {
		case roleMerge:
			count("gpuline_merge_conflicts_total", "Fields that two results of one window gave different values; the first stays.", s.Conflict,
				sdk.Tag{Key: "stage", Value: s.Name})
		case roleInput:
			drops(tag, s.Drops, sdk.DropSeriesCap, sdk.DropPanic)
			count("gpuline_read_total", "Metrics read by an input.", s.In, tag)
			count("gpuline_filtered_total", "Metrics left out by a filter.", s.Filtered, tag)
		default:
			drops(tag, s.Drops, sdk.DropLate, sdk.DropPanic)
			count("gpuline_made_total", "Metrics made by a processor.", s.Made, tag)
		}
	}
	for i := range l.Outputs[:l.outputs] {
		o := &l.Outputs[i]
		tag := sdk.Tag{Key: "plugin", Value: o.Name}
		count("gpuline_offered_total", "Metrics that reached an output.", o.Offered, tag)
		count("gpuline_absorbed_total", "Metrics that an output left out because a window has read them.", o.Absorbed, tag)
		count("gpuline_filtered_total", "Metrics left out by a filter.", o.Filtered, tag)
		count("gpuline_delivered_total", "Metrics delivered.", o.Delivered, tag)
		count("gpuline_dead_lettered_total", "Metrics put aside because the far end refused them.", o.DeadLettered, tag)
		drops(tag, o.Drops, sdk.DropQueueFull, sdk.DropRejected)
		gauge("gpuline_queued_metrics", "Metrics that wait for an output.", "", o.Queued, tag)
		gauge("gpuline_queue_bytes", "Size of what waits for an output, in memory or on disk.", "bytes", o.QueuedBytes, tag)
		if o.OnDisk {
			count("gpuline_recovered_total", "Metrics that an output's queue on disk held at the start.", o.Recovered, tag)
			gauge("gpuline_queue_volatile_metrics", "Of the metrics that wait for an output with a queue on disk, those that are not on disk.", "", o.Volatile, tag)
			count("gpuline_queue_faults_total", "Times that the disk of an output's queue refused.", o.QueueFaults, tag)
			count("gpuline_queue_corrupt_files_total", "Damaged files of an output's queue that were put aside.", o.CorruptFiles, tag)
		}
	}
	return all
}

// self is the input that puts the agent's own figures into the stream: measurement gpuline, a field for
// each figure, and the figure's tags.
type self struct {
	totals func() iter.Seq[sdk.Total]
	now    func() time.Time
}

// selfName is the measurement of the agent's own figures.
const selfName = "gpuline"

func (s *self) Gather(_ context.Context, b *sdk.Batch) error {
	now := s.now().UnixNano()
	rows := make(map[*sdk.Series]*sdk.Metric)
	for t := range s.totals() {
		series := b.Series(selfName, t.Tags...)
		m := rows[series]
		if m == nil {
			m = b.Add(series, now)
			rows[series] = m
		}
		name := strings.TrimPrefix(t.Name, selfName+"_")
		m.Set(sdk.Field{Name: name, Unit: t.Unit, Kind: t.Kind, Type: sdk.Float}, sdk.FloatValue(t.Value))
	}
	return nil
}

func (p *Pipeline) selfInput(interval time.Duration) Input {
	return Input{
		Plugin: Plugin{
			Name: selfName, Fingerprint: selfName,
			New: func() (any, error) { return &self{totals: p.Totals, now: p.clock.Now}, nil },
		},
		Interval: interval,
		Timeout:  interval,
	}
}
