package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// assembly makes the parts of one graph.
type assembly struct {
	pipeline *Pipeline
	graph    *graph
	old      *graph
	names    names
	places   map[string]int
	folders  map[string]bool // of queues on disk
	faults   []error
}

func (a *assembly) err() error { return errors.Join(a.faults...) }

// place returns where an instance stands in the plan: its scope, role and name, and its alias or, without
// one, its number among its like.
func (a *assembly) place(scope string, role sdk.Role, plan *Plugin) string {
	place := scope + "/" + role.String() + "." + plan.Name
	if plan.Alias != "" {
		return place + "." + plan.Alias
	}
	a.places[place]++
	return place + "#" + strconv.Itoa(a.places[place])
}

func (a *assembly) input(plan Input) (*input, string) {
	place := a.place("", sdk.RoleInput, &plan.Plugin)
	tags := a.graph.tagsOf(&plan)
	if old, ok := find[*input](a.old, place); ok && old.fault.Load() == nil && unchanged(&old.plan.Plugin, &plan.Plugin) &&
		old.plan.Interval == plan.Interval && slices.Equal(old.tagger.tags, tags) {
		a.graph.parts[place] = old
		return old, place
	}
	p := a.pipeline
	in := &input{
		plan:     plan,
		filter:   newFilter(plan.Filter),
		once:     a.graph.plan.Agent.Gathers,
		out:      p.chain.in,
		abandon:  make(chan struct{}),
		tell:     func() { put(p.hangs) },
		credit:   p.credit,
		batches:  p.batches,
		instance: a.instance(place, sdk.RoleInput, plan.Plugin),
		tagger:   tagger{tags: tags},
	}
	_, in.polled = in.impl.(sdk.Gatherer)
	finite, ok := in.impl.(sdk.Finite)
	in.finite = ok && finite.Finite()
	live, ok := in.impl.(sdk.Live)
	in.live = ok && live.Live()
	in.env.Interval, in.env.Timeout = plan.Interval, plan.Timeout
	m := in.env.Meter
	in.gathers = m.Counter("gpuline_gathers_total", "Times that an input was asked for metrics.")
	in.overruns = m.Counter("gpuline_gather_overruns_total", "Ticks skipped because the gather before was not finished.")
	in.invalid = m.InvalidValues()
	in.seconds = m.Counter("gpuline_gather_seconds_total", "Time spent in gathering.")
	in.last = m.Gauge("gpuline_gather_duration_seconds", "seconds", "Duration of the last gather.")
	in.stage.role, in.stage.name = roleInput, in.name
	a.graph.parts[place] = in
	return in, place
}

func (a *assembly) processor(scope string, plan Processor) *processor {
	place := a.place(scope, sdk.RoleProcessor, &plan.Plugin)
	if old, ok := find[*processor](a.old, place); ok && unchanged(&old.plugin, &plan.Plugin) {
		a.graph.parts[place] = old
		return old
	}
	return a.newProcessor(place, plan)
}

func (a *assembly) newProcessor(place string, plan Processor) *processor {
	next := &processor{instance: a.instance(place, sdk.RoleProcessor, plan.Plugin), filter: newFilter(plan.Filter)}
	next.stage.role, next.stage.name = roleProcessor, next.name
	a.graph.parts[place] = next
	return next
}

// output makes an output with its queue and its own chain. They stay together: the fingerprint of an
// output covers the processors under it. A queue on disk goes on under whatever output has its folder.
func (a *assembly) output(plan Output) *output {
	place := a.place("", sdk.RoleOutput, &plan.Plugin)
	a.claim(&plan)
	if old, ok := find[*output](a.old, place); ok && !old.ended.Load() && unchanged(&old.plan.Plugin, &plan.Plugin) {
		a.graph.parts[place] = old
		for i := range old.plan.Processors {
			a.graph.parts[a.place(place, sdk.RoleProcessor, &old.plan.Processors[i].Plugin)] = old.own.processors[i]
		}
		return old
	}
	p := a.pipeline
	o := &output{
		instance: a.instance(place, sdk.RoleOutput, plan.Plugin),
		plan:     plan,
		filter:   newFilter(plan.Filter),
		scaled:   sdk.NewBatch(p.catalog),
		last:     make(chan struct{}),
		done:     make(chan struct{}),
	}
	a.intake(o)
	o.env.Timeout = plan.Timeout
	m := o.env.Meter
	o.writes = m.Counter("gpuline_writes_total", "Times that an output was given a batch.")
	o.seconds = m.Counter("gpuline_write_seconds_total", "Time spent in writing.")
	o.entrance = o
	if len(plan.Processors) > 0 {
		o.own = newChain(p.batches)
		o.own.sinks = []sink{o}
		o.own.merge.name = "results of " + o.name
		for _, planned := range plan.Processors { // those of the output before are at work until it has ended
			under := a.place(place, sdk.RoleProcessor, &planned.Plugin)
			o.own.processors = append(o.own.processors, a.newProcessor(under, planned))
		}
		o.entrance = &branch{chain: o.own}
	}
	a.graph.parts[place] = o
	return o
}

// claim finds outputs that would share a folder.
func (a *assembly) claim(plan *Output) {
	if plan.Queue.Disk == "" {
		return
	}
	path := queue.Canonical(plan.Queue.Disk)
	if a.folders[path] {
		a.faults = append(a.faults, fmt.Errorf("outputs.%s: the queue folder %s belongs to another output", plan.Name, plan.Queue.Disk))
	}
	a.folders[path] = true
}

// instance prepares what every plugin has.
func (a *assembly) instance(place string, role sdk.Role, plan Plugin) instance {
	p := a.pipeline
	name, meter := a.name(place, role, &plan)
	log := quieted(p.log, plan.Level, name)
	env := &sdk.Env{
		Log: log, Host: a.graph.host, Now: p.clock.Now, Catalog: p.catalog, Meter: meter, Totals: p.Totals,
		Launch: a.graph.plan.Agent.Launch,
	}
	if p.server != nil {
		env.Mux = &mounts{server: p.server, plugin: name}
		env.Served = p.server.urls
	}
	impl, err := plan.New()
	if err != nil {
		a.faults = append(a.faults, fmt.Errorf("%s: %w", name, err))
	}
	return instance{
		plugin:   plan,
		impl:     impl,
		name:     name,
		log:      log,
		env:      env,
		errs:     meter.Counter("gpuline_errors_total", "Failures of a plugin."),
		panics:   meter.Counter("gpuline_panics_total", "Panics of a plugin that were caught."),
		restarts: meter.Counter("gpuline_restarts_total", "Times that a plugin was made anew."),
		stuck:    meter.Counter("gpuline_stuck_total", "Calls that outlived their timeout."),
	}
}
