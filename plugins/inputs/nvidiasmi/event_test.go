package nvidiasmi

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// ways are the forms in which a GPU's readings come.
var ways = map[string]func(t *testing.T, f *fleet, b *sdk.Batch, w world, at int64){
	"rows": func(_ *testing.T, f *fleet, b *sdk.Batch, w world, at int64) {
		p, _ := newPlan(testConfig().wanted(), new(properties))
		f.row(b, p, []byte(w.row(0, append(slices.Clone(identityNames[:]), p.names()...))), at)
	},
	"documents": func(t *testing.T, f *fleet, b *sdk.Batch, w world, at int64) {
		if err := f.document(b, []byte(w.document()), at, nil); err != nil {
			t.Fatal(err)
		}
	},
	"rows with a document": func(t *testing.T, f *fleet, b *sdk.Batch, w world, at int64) {
		c := testConfig()
		c.Query = []string{"utilization_ratio"}
		p, _ := newPlan(c.wanted(), new(properties))
		f.row(b, p, []byte(w.row(0, append(slices.Clone(identityNames[:]), p.names()...))), at)
		if err := f.document(b, []byte(w.document()), at, &p.asked); err != nil {
			t.Fatal(err)
		}
	},
}

// TestEvents holds that readings which tell of a fault become events, whatever the form in which they come, and
// that what was there before the input is none, but for what still lasts.
func TestEvents(t *testing.T) {
	type step struct {
		seconds int
		world
		want string
	}
	run := func(t *testing.T, feed func(*testing.T, *fleet, *sdk.Batch, world, int64), steps ...step) (texts []string) {
		t.Helper()
		f, b := newFleet(testConfig(), nil), newBatch()
		for i, s := range steps {
			b.Reset()
			at := int64(1000+s.seconds) * int64(time.Second)
			f.begin(b, i+1, at, true)
			s.gpus = 1
			feed(t, f, b, s.world, at)
			var got []string
			for m := range b.All() {
				if m.Name() == vocabulary.Event {
					got = append(got, m.Tag(vocabulary.TagEvent)+"/"+m.Tag(vocabulary.TagCode))
				}
			}
			if got := strings.Join(got, " "); got != s.want {
				t.Errorf("step %d: %q, want %q", i, got, s.want)
			}
			for _, line := range sdktest.Dump(b) {
				if strings.HasPrefix(line, "gpu_event") {
					texts = append(texts, line)
				}
			}
		}
		return texts
	}
	lost := map[int]bool{0: true}
	for name, feed := range ways {
		t.Run(name, func(t *testing.T) {
			f := func(steps ...step) []string { t.Helper(); return run(t, feed, steps...) }
			f(step{0, world{held: "gpu_idle"}, ""}, step{1, world{held: "display_clocks_setting"}, ""}, step{20, world{}, ""})
			f(step{0, world{held: "reliability"}, ""}, step{1, world{held: "board_limit"}, "throttle/board_limit"})
			f(step{0, world{held: "sw_power_cap"}, "throttle/sw_power"}, step{1, world{held: "sw_power_cap"}, ""}, step{2, world{}, ""},
				step{5, world{held: "sw_power_cap"}, ""}, step{20, world{held: "sw_power_cap"}, "throttle/sw_power"})
			f(step{0, world{failed: 3}, ""}, step{1, world{failed: 3}, ""}, step{2, world{failed: 5}, "ecc/uncorrected"}, step{3, world{}, ""},
				step{4, world{failed: 1}, "ecc/uncorrected"})
			f(step{0, world{}, ""}, step{1, world{needs: "Drain and Reset"}, "recovery/drain_and_reset"}, step{2, world{needs: "Drain and Reset"}, ""},
				step{3, world{needs: "N/A"}, ""}, step{4, world{}, "recovery/none"}, step{5, world{needs: "Recover IMEX Domain"}, "recovery/recover_imex_domain"},
				step{6, world{needs: "Bus Reset"}, "recovery/bus_reset"}, step{7, world{needs: "System Reboot"}, "recovery/system_reboot"})
			if name != "rows with a document" { // which leaves a lost GPU to its rows
				f(step{0, world{failed: 4}, ""}, step{1, world{lost: lost}, "lost/"}, step{2, world{failed: 4}, "found/"})
			}
			texts := f(step{0, world{}, ""}, step{1, world{held: "hw_thermal_slowdown", failed: 2, needs: "Reset"}, "throttle/hw_thermal recovery/reset ecc/uncorrected"})
			const card = `event=x,gpu_index=0,gpu_name=NVIDIA\ T1000X,gpu_uuid=GPU-5eed0000-0000-4000-8000-000000000000,pci_bus_id=00000000\:10\:00.0,severity=critical,source=nvidia_smi `
			as := func(event, code string) string {
				return "gpu_event,code=" + code + "," + strings.Replace(card, "x", event, 1)
			}
			want := []string{
				as("throttle", "hw_thermal") + `message="clocks held back: far too hot: clocks halved, or worse"`,
				as("recovery", "reset") + `message="the GPU needs a reset"`,
				as("ecc", "uncorrected") + `message="2 memory errors that could not be corrected",value=2`,
			}
			for i := range texts {
				texts[i], _, _ = strings.Cut(texts[i], " 1001")
			}
			if diff := cmp.Diff(want, texts); diff != "" {
				t.Error(diff)
			}
		})
	}
}
