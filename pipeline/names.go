package pipeline

import (
	"iter"
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// names holds the names of instances that are taken.
type names map[string]bool

// take gives an instance a name that is its own: of those with the same role, plugin and alias the first has no
// number.
func (n names) take(role sdk.Role, plan *Plugin) string {
	first := role.String() + "." + plan.Name
	if plan.Alias != "" {
		first += "." + plan.Alias
	}
	name := first
	for number := 2; n[name]; number++ {
		name = first + "#" + strconv.Itoa(number)
	}
	n[name] = true
	return name
}

// Instances are the plugins of the plan by the names that they have in logs and figures of an agent that starts
// with it, in the engine's order.
func (p *Plan) Instances() iter.Seq2[string, *Plugin] {
	return func(yield func(string, *Plugin) bool) {
		taken, more := make(names), true
		p.walk(func(_ string, role sdk.Role, planned *Plugin) string {
			more = more && yield(taken.take(role, planned), planned)
			return ""
		})
	}
}

// walk visits the plugins of the plan in the order in which they get their names. What a visit returns is the scope
// of the processors under that plugin.
func (p *Plan) walk(visit func(scope string, role sdk.Role, planned *Plugin) string) {
	below := func(scope string, planned []Processor) {
		for i := range planned {
			visit(scope, sdk.RoleProcessor, &planned[i].Plugin)
		}
	}
	for i := range p.Inputs {
		below(visit("", sdk.RoleInput, &p.Inputs[i].Plugin), p.Inputs[i].Processors)
	}
	below("", p.Processors)
	for i := range p.Outputs {
		below(visit("", sdk.RoleOutput, &p.Outputs[i].Plugin), p.Outputs[i].Processors)
	}
}

// keepNames reserves the names that instances of the old graph hand on to those that stand in their places now,
// changed or not: nobody else gets them.
func (a *assembly) keepNames(plan *Plan) {
	if a.old == nil {
		return
	}
	ahead := assembly{places: make(map[string]int)}
	plan.walk(func(scope string, role sdk.Role, planned *Plugin) string {
		place := ahead.place(scope, role, planned)
		if before := a.old.parts[place]; before != nil {
			a.names[before.base().name] = true
		}
		return place
	})
}

// name returns the name of a new instance, and its meter. They are those of the instance that it takes the
// place of, where there is one: its counters go on.
func (a *assembly) name(place string, role sdk.Role, plan *Plugin) (string, *sdk.Meter) {
	if a.old != nil {
		if before := a.old.parts[place]; before != nil {
			return before.base().name, before.base().env.Meter.Successor()
		}
	}
	name := a.names.take(role, plan)
	return name, sdk.NewMeter(sdk.Tag{Key: "plugin", Value: name})
}
