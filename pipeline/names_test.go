package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestInstances: a plan tells the names that its instances have in an agent.
func TestInstances(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		for range 2 {
			r.input(sdktest.NewScript(t), mark("a"), mark("b"))
			r.processor(mark("c"))
			r.output(&sdktest.Sink{}, mark("d"))
		}
		r.input(sdktest.NewScript(t)).Alias = "x"
		p, err := New(r.plan, newTextLog(&r.log))
		if err != nil {
			t.Fatal(err)
		}
		var told, had []string
		for name, planned := range r.plan.Instances() {
			told = append(told, name)
			if planned.New == nil {
				t.Errorf("%s is no plugin of the plan", name)
			}
		}
		l := p.Ledger()
		for i := range l.Stages {
			if !strings.HasPrefix(l.Stages[i].Name, "results") { // where chains end
				had = append(had, l.Stages[i].Name)
			}
		}
		for i := range l.Outputs {
			had = append(had, l.Outputs[i].Name)
		}
		slices.Sort(told)
		slices.Sort(had)
		if diff := cmp.Diff(had, told); diff != "" || len(told) != 13 {
			t.Errorf("(-in the agent +told):\n%s", diff)
		}
		for name := range r.plan.Instances() {
			if name != "inputs.script" {
				t.Errorf("the first is %s", name)
			}
			break
		}
	})
}
