package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// gauging is an input with figures of its own, as those of plugins are.
type gauging struct{ ticking }

func (g *gauging) Open(_ context.Context, env *sdk.Env) error {
	env.Meter.Gauge("gpuline_"+g.name, "", "A level.").Set(1)
	env.Meter.Counter("gpuline_opens_total", "Opens.").Add(1)
	return nil
}

// TestReloadTakesFiguresAway: what the page shows is of plugins at work; the ledger forgets nobody.
func TestReloadTakesFiguresAway(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		window, sink := &holding{name: "window"}, &sdktest.Sink{}
		r.input(&gauging{ticking{name: "a"}})
		r.input(&gauging{ticking{name: "b"}}).Alias = "old"
		r.processor(window)
		r.output(sink)
		r.output(&sdktest.Sink{}, &sdktest.Stage{}).Alias = "old"
		p, stop := r.start()
		shows := func() map[string]float64 {
			all := make(map[string]float64)
			for total := range p.Totals() {
				name := total.Name
				for _, tag := range total.Tags {
					name += " " + tag.Value
				}
				if _, twice := all[name]; twice {
					t.Errorf("%s is there twice", name)
				}
				all[name] = total.Value
			}
			return all
		}
		want := func(text string) {
			t.Helper()
			all := shows()
			for _, line := range strings.Split(text, "; ") {
				name, value, _ := strings.Cut(line, "=")
				got := "none"
				if v, ok := all[name]; ok {
					got = fmt.Sprint(v)
				}
				if got != value {
					t.Errorf("%s is %s, want %s", name, got, value)
				}
			}
		}
		time.Sleep(9*time.Second + time.Millisecond) // ten gathers
		want("gpuline_a inputs.script=1; gpuline_b inputs.script.old=1; gpuline_read_total inputs.script.old=10; " +
			"gpuline_opens_total inputs.script=1; gpuline_delivered_total outputs.sink.old=0; gpuline_made_total processors.stage=0")

		r.plan.Inputs, r.plan.Processors, r.plan.Outputs = nil, nil, nil
		r.input(&gauging{ticking{name: "c"}})
		r.output(sink)
		faulty := r.plan
		faulty.Inputs = append(faulty.Inputs[:1:1], Input{Plugin: Plugin{
			Name: "broken", New: func() (any, error) { return nil, errors.New("no such option") },
		}})
		if p.Reload(faulty) == nil {
			t.Error("a faulty plan was taken")
		}
		want("gpuline_panics_total inputs.broken=none; gpuline_a inputs.script=1")
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		want("gpuline_a inputs.script=none; gpuline_c inputs.script=1; gpuline_opens_total inputs.script=2; gpuline_read_total inputs.script=13; " +
			"gpuline_b inputs.script.old=none; gpuline_opens_total inputs.script.old=none; gpuline_read_total inputs.script.old=none; " +
			"gpuline_delivered_total outputs.sink.old=none; gpuline_errors_total outputs.sink.old=none; gpuline_made_total processors.stage=none; " +
			"gpuline_panics_total processors.stage#2=none; gpuline_delivered_total outputs.sink=4")
		l, err := stop()
		if err != nil {
			t.Error(err)
		}
		r.wantLedger(l, "ledger read=23 made=1 absorbed=40 delivered=5 dropped=0 queued=0 balance=ok")
	})
}

// TestOutputThatLeavesShowsItsFigures until it has ended; what it could not deliver is said.
func TestOutputThatLeavesShowsItsFigures(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		down := &sdktest.Sink{Do: sdktest.FailTimes(1<<30, errors.New("down"))}
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		r.output(down).Alias = "down"
		p, stop := r.start()
		shown := func() (queued float64, there bool) {
			for total := range p.Totals() {
				if total.Name == "gpuline_queued_metrics" && total.Tags[0].Value == "outputs.sink.down" {
					return total.Value, true
				}
			}
			return 0, false
		}
		time.Sleep(4*time.Second + time.Millisecond)
		r.plan.Outputs = r.plan.Outputs[:1]
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Second)
		if n, there := shown(); n != 5 || !there {
			t.Errorf("while it drains: %v, %v", n, there)
		}
		time.Sleep(2 * time.Second)
		if _, there := shown(); there {
			t.Error("it is shown after its end")
		}
		r.wantLog("was dropped at its end\" plugin=outputs.sink.down metrics=5")
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestOutputThatChangesHasNewProcessors: those of the old output flush and close on their own goroutine.
func TestOutputThatChangesHasNewProcessors(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.input(&ticking{name: "s"}).Interval = 10 * time.Millisecond
		made := 0
		plan := func(sink *sdktest.Sink) *sdktest.Sink {
			r.plan.Outputs = nil
			r.output(sink).Processors = []Processor{{Plugin{
				Name: "stage", Fingerprint: "same", New: func() (any, error) { made++; return &holding{name: "window"}, nil },
			}}}
			return sink
		}
		old := plan(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(time.Second + time.Millisecond)
		fresh := plan(&sdktest.Sink{})
		if err := p.Reload(r.plan); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := p.Reload(r.plan); err != nil { // nothing has changed
			t.Fatal(err)
		}
		if _, err := stop(); err != nil {
			t.Error(err)
		}
		if made != 2 || len(old.Lines()) != 1 || len(fresh.Lines()) != 1 {
			t.Errorf("%d processors; the old output has %v, the new one %v", made, old.Lines(), fresh.Lines())
		}
	})
}
