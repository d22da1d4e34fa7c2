package pipeline

import (
	"cmp"
	"os"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// graph is how the parts of an agent are connected. It does not change: a reload makes another, which
// has the parts in common with it that the operator left as they were.
type graph struct {
	plan    Plan
	host    string
	inputs  []*input
	outputs []*output
	wiring  wiring
	stages  []*stage // in the order of the ledger
	links   []*link
	parts   map[string]part // by their place in the plan
}

// part is an *input, a *processor or an *output.
type part interface{ base() *instance }

// link says what a stage or an output takes over, and from whom.
type link struct {
	name   string
	from   []*stage
	to     *stage  // nil for a link to an output
	output *output // nil for a link to a stage
	offset uint64  // in less out, modulo 2⁶⁴, when the link was made: its ends may have counted for an earlier graph
}

func (l *link) in() uint64 {
	if l.output != nil {
		l.output.intake.mu.Lock()
		defer l.output.intake.mu.Unlock()
		return l.output.offered
	}
	f := l.to.load()
	return f.In
}

// assemble makes the graph of a plan, and takes over from old what the plan has left as it was.
func (p *Pipeline) assemble(plan Plan, old *graph) (*graph, error) {
	host := plan.Agent.Hostname
	if host == "" {
		name, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		host = name
	}
	if plan.Agent.SelfInterval > 0 {
		plan.Inputs = append(slices.Clip(plan.Inputs), p.selfInput(plan.Agent.SelfInterval))
	}
	a := &assembly{pipeline: p, old: old, names: make(names), places: make(map[string]int), folders: make(map[string]bool)}
	a.graph = &graph{plan: plan, host: host, parts: make(map[string]part), wiring: wiring{prefixes: make(map[*input][]*processor)}}
	a.keepNames(&plan)
	a.connect()
	return a.graph, a.err()
}

// connect makes the parts, from the inputs down.
func (a *assembly) connect() {
	g, plan := a.graph, &a.graph.plan
	var heads []*stage // the last stage under each input
	for _, planned := range plan.Inputs {
		in, place := a.input(planned)
		g.inputs = append(g.inputs, in)
		g.stages = append(g.stages, &in.stage)
		g.wiring.live = g.wiring.live || !in.finite && in.plan.Name != selfName
		prefix, last := a.processors(place, planned.Processors, []*stage{&in.stage})
		if len(prefix) > 0 {
			g.wiring.prefixes[in] = prefix
			g.wiring.order = append(g.wiring.order, in)
		}
		heads = append(heads, last...)
	}
	var tail []*stage
	g.wiring.processors, tail = a.processors("", plan.Processors, heads)
	a.link(&a.pipeline.chain.merge, tail)
	for _, planned := range plan.Outputs {
		o := a.output(planned)
		g.outputs = append(g.outputs, o)
		g.wiring.sinks = append(g.wiring.sinks, o.entrance)
		tail := &a.pipeline.chain.merge
		if o.own != nil {
			last := []*stage{tail}
			for _, next := range o.own.processors {
				a.link(&next.stage, last)
				last = []*stage{&next.stage}
			}
			a.link(&o.own.merge, last)
			tail = &o.own.merge
		}
		g.links = append(g.links, &link{name: o.name, from: []*stage{tail}, output: o})
	}
}

// processors makes a chain's processors, and returns the last stage, or from where there are none.
func (a *assembly) processors(scope string, plans []Processor, from []*stage) ([]*processor, []*stage) {
	var all []*processor
	for _, planned := range plans {
		next := a.processor(scope, planned)
		all = append(all, next)
		a.link(&next.stage, from)
		from = []*stage{&next.stage}
	}
	return all, from
}

func (a *assembly) link(to *stage, from []*stage) {
	a.graph.stages = append(a.graph.stages, to)
	a.graph.links = append(a.graph.links, &link{name: to.role + " " + to.name, from: from, to: to})
}

// tick tells the chains whether to flush their processors now and then.
func (g *graph) tick(main *chain) {
	main.ticking.Store(g.wiring.live)
	for _, o := range g.outputs {
		if o.own != nil {
			o.own.ticking.Store(g.wiring.live)
		}
	}
}

// settle sets the offsets of the links. A link that old has too keeps its offset. Any other starts balanced: the
// chain stands still, so nothing is on its way between the two ends.
func (g *graph) settle(old *graph) {
	for _, l := range g.links {
		if same := old.linkLike(l); same != nil {
			l.offset = same.offset
			continue
		}
		l.offset = l.in()
		for _, s := range l.from {
			l.offset -= s.passed()
		}
	}
}

func (g *graph) linkLike(l *link) *link {
	for _, k := range g.links {
		if k.to == l.to && k.output == l.output && slices.Equal(k.from, l.from) {
			return k
		}
	}
	return nil
}

// state returns what the link has carried since it was made, as each of its ends counts it.
func (l *link) state() linkFlow {
	out := l.offset
	for _, s := range l.from {
		f := s.load()
		out += f.Out
	}
	return linkFlow{to: l.name, out: out, in: l.in()}
}

// find returns what the old graph has at a place.
func find[T part](g *graph, place string) (found T, ok bool) {
	if g == nil {
		return found, false
	}
	found, ok = g.parts[place].(T)
	return found, ok
}

// unchanged reports whether the operator left an instance as it was.
func unchanged(old, planned *Plugin) bool {
	return planned.Fingerprint != "" && old.Fingerprint == planned.Fingerprint && old.Level == planned.Level
}

// tagsOf returns the tags for what an input reads; of equal keys the first wins.
func (g *graph) tagsOf(in *Input) []sdk.Tag {
	own := slices.Concat(in.Tags, g.plan.Agent.Tags, []sdk.Tag{{Key: "host", Value: g.host}})
	slices.SortStableFunc(own, func(a, b sdk.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return own
}
