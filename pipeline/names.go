package pipeline

import (
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// keepNames notes the names of what old has at places of the plan: an instance goes on under its name, changed
// or not, and nobody else gets it.
func (a *assembly) keepNames(plan *Plan) {
	if a.old == nil {
		return
	}
	ahead := assembly{places: make(map[string]int)}
	keep := func(scope string, role sdk.Role, planned *Plugin) string {
		place := ahead.place(scope, role, planned)
		if before := a.old.parts[place]; before != nil {
			a.names[before.base().name] = true
		}
		return place
	}
	below := func(scope string, planned []Processor) {
		for i := range planned {
			keep(scope, sdk.RoleProcessor, &planned[i].Plugin)
		}
	}
	for i := range plan.Inputs {
		below(keep("", sdk.RoleInput, &plan.Inputs[i].Plugin), plan.Inputs[i].Processors)
	}
	below("", plan.Processors)
	for i := range plan.Outputs {
		below(keep("", sdk.RoleOutput, &plan.Outputs[i].Plugin), plan.Outputs[i].Processors)
	}
}

// name returns the name of a new instance, and its meter. They are those of the instance that it takes the
// place of, where there is one: its counters go on.
func (a *assembly) name(place string, role sdk.Role, plan *Plugin) (string, *sdk.Meter) {
	if a.old != nil {
		if before := a.old.parts[place]; before != nil {
			return before.base().name, before.base().env.Meter.Successor()
		}
	}
	first := role.String() + "." + plan.Name
	if plan.Alias != "" {
		first += "." + plan.Alias
	}
	name := first
	for n := 2; a.names[name]; n++ {
		name = first + "#" + strconv.Itoa(n)
	}
	a.names[name] = true
	return name, sdk.NewMeter(sdk.Tag{Key: "plugin", Value: name})
}
