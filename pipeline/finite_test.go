package pipeline

import (
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestOddReadings: a reading that is no finite number is absent from the entrance on, and counted; what else the row
// tells stays. Integers that look like such a float are none.
func TestOddReadings(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		r.input(sdktest.NewScript(t, steps(
			"gpu,i=0 energy_joules=5,power_watts=NaN,name=\"x\" 10\ngpu,i=1 power_watts=+Inf 10\ngpu,i=2 power_watts=3,n=-1i 10",
			"gpu,i=0 energy_joules=-Inf,power_watts=NaN,name=\"y\" 20\ngpu,i=2 n=-1i,power_watts=4 20",
			"gpu,i=0 energy_joules=9,power_watts=2,name=\"z\" 30",
		)...))
		r.output(sink)
		p, err := New(r.plan, newTextLog(&r.log))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := r.balanced(p)
		r.wantLedger(l, "ledger read=6 made=0 absorbed=0 delivered=5 dropped=1 queued=0 balance=ok")
		wantLines(t, sink, `
			gpu,host=h,i=0 energy_joules=5,name="x" 10
			gpu,host=h,i=2 power_watts=3,n=-1i 10
			gpu,host=h,i=0 name="y" 20
			gpu,host=h,i=2 n=-1i,power_watts=4 20
			gpu,host=h,i=0 energy_joules=9,power_watts=2,name="z" 30`)
		invalid := -1.0
		for total := range p.Totals() {
			if total.Name == "gpuline_invalid_values_total" {
				invalid = total.Value
			}
		}
		if invalid != 4 {
			t.Errorf("%v readings were counted, want 4", invalid)
		}
	})
}
