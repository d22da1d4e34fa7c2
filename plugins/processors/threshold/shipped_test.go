package threshold

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/inputs/simulate"
	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// tables returns the configurations in a file's tables of this processor.
func tables(t *testing.T, text string) []*Config {
	t.Helper()
	var file struct {
		Processors struct {
			Threshold []map[string]any `toml:"threshold"`
		} `toml:"processors"`
	}
	if _, err := toml.Decode(text, &file); err != nil {
		t.Fatal(err)
	}
	var all []*Config
	for _, table := range file.Processors.Threshold {
		c := Definition().NewConfig().(*Config)
		for _, fault := range sdk.Configure(c, table) {
			t.Error(fault)
		}
		all = append(all, c)
	}
	return all
}

func TestSample(t *testing.T) {
	all := tables(t, sample)
	if len(all) != 1 || len(all[0].Rules) != 1 || all[0].Rules[0].Name != "thermal" {
		t.Errorf("the sample gives %+v", all)
	}
}

// alerts returns the processors of conf/alerts.toml, behind one that makes averages.
func alerts(t *testing.T) []sdk.Processor {
	t.Helper()
	text, err := os.ReadFile("../../../conf/alerts.toml")
	if err != nil {
		t.Fatal(err)
	}
	windows, err := average.New(average.Definition().NewConfig().(*average.Config))
	if err != nil {
		t.Fatal(err)
	}
	chain := []sdk.Processor{windows}
	names := map[string]bool{}
	for _, c := range tables(t, string(text)) {
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Rules {
			if r.Message == "" || len(r.Tags) == 0 || names[r.Name] {
				t.Errorf("rule %s has no message or no tags, or stands twice", r.Name)
			}
			names[r.Name] = true
		}
		chain = append(chain, p)
	}
	return chain
}

// pass sends a batch through a chain and returns what rules did: "+name" and "-name" with the second.
func pass(t *testing.T, chain []sdk.Processor, b *sdk.Batch) []string {
	t.Helper()
	b.Enter()
	for _, p := range chain {
		if err := p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	var changes []string
	for m := range b.All() {
		if m.Name() == vocabulary.Event && m.Tag(vocabulary.TagEvent) == vocabulary.EventRule {
			active, _ := m.Number("active")
			changes = append(changes, fmt.Sprintf("%s%s %d", [...]string{"-", "+"}[int(active)], m.Tag(vocabulary.TagCode), m.Time()/1e9))
		}
	}
	return changes
}

// TestAlerts plays an incident for each of the shipped rules: a reading a second.
func TestAlerts(t *testing.T) {
	f := func(name string, seconds int, fields func(second int) string, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			chain := alerts(t)
			b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
			var got []string
			for s := range seconds {
				b.Reset()
				for line := range strings.SplitSeq(fields(s), ";") {
					if !strings.Contains(line, " ") {
						line = "gpu,gpu_index=0 " + line
					}
					sdktest.Parse(t, b, fmt.Sprintf("%s %ds", line, s))
				}
				got = append(got, pass(t, chain, b)...)
			}
			slices.Sort(got)
			slices.Sort(want)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
	// level is a field that is at one level from one second to another, and else at another.
	level := func(field string, inside, outside any, from, to int) func(int) string {
		return func(s int) string {
			if from <= s && s < to {
				return fmt.Sprintf("%s=%v", field, inside)
			}
			return fmt.Sprintf("%s=%v", field, outside)
		}
	}
	// share is a counter of seconds that grows by a share of the time.
	share := func(field string, inside float64, from, to int) func(int) string {
		return func(s int) string {
			return fmt.Sprintf("%s:counter=%v", field, inside*float64(max(0, min(s, to)-from)))
		}
	}
	f("nothing", 700, func(int) string {
		return "utilization_ratio=0.97,temperature_celsius=79,memory_used_ratio=0.9,up=1i,power_watts=500,power_limit_watts=700,throttle_reasons:info=4i,row_remap_failed:info=0i,row_remap_pending:info=0i,recovery_action:info=0i"
	})
	f("compute-bound", 400, level("utilization_ratio", 0.99, 0.5, 10, 350), "+compute_bound 310", "-compute_bound 350")
	f("compute-bound for a little less", 400, level("utilization_ratio", 0.99, 0.5, 10, 310))
	f("memory pressure", 200, level("memory_used_ratio", 0.95, 0.5, 10, 150), "+memory_pressure 130", "-memory_pressure 150")
	f("thermal", 200, level("temperature_celsius", 81, 74, 10, 150), "+thermal 130", "-thermal 150")
	f("thermal, between the levels", 200, level("temperature_celsius", 81, 76, 10, 150), "+thermal 130")
	f("memory thermal", 200, level("memory_temperature_celsius", 96, 80, 10, 150), "+memory_thermal 130", "-memory_thermal 150")
	f("throttling by heat, by the driver", 100, share("throttle_sw_thermal_seconds", 0.06, 0, 60), "+throttle_sw_thermal 40", "-throttle_sw_thermal 70")
	f("throttling by heat, by the hardware", 100, share("throttle_hw_thermal_seconds", 0.02, 10, 30), "+throttle_hw_thermal 20", "-throttle_hw_thermal 40")
	f("throttling by the power supply", 100, share("throttle_power_brake_seconds", 0.02, 10, 30), "+throttle_power_brake 20", "-throttle_power_brake 40")
	f("throttling by the power limit", 300, share("throttle_sw_power_seconds", 0.6, 0, 200), "+throttle_sw_power 130", "-throttle_sw_power 210")
	f("throttling by sync boost", 300, share("throttle_sync_boost_seconds", 0.2, 0, 200), "+throttle_sync_boost 130", "-throttle_sync_boost 210")
	f("bits of normal work", 60, level("throttle_reasons:info", "4i", "1i", 10, 50))
	f("slowdown by the hardware", 60, level("throttle_reasons:info", "72i", "4i", 10, 30), "+hw_slowdown 20", "-hw_slowdown 30")
	f("power cap", 400, level("power_limit_watts=700,power_watts", 690, 400, 10, 350), "+power_cap 310", "-power_cap 350")
	f("a GPU gone", 20, level("up", "0i", "1i", 10, 15), "+gpu_gone 10", "-gpu_gone 15")
	f("uncorrected errors", 60, level("ecc_uncorrected_errors:counter", "1i", "0i", 25, 99), "+ecc_uncorrected 30", "-ecc_uncorrected 40")
	f("corrected errors", 200, func(s int) string { return fmt.Sprintf("ecc_corrected_errors:counter=%di", 2*min(s, 120)) },
		"+ecc_corrected 70", "-ecc_corrected 130")
	f("a row waits", 30, level("row_remap_pending:info", "1i", "0i", 10, 20), "+row_remap_pending 10", "-row_remap_pending 20")
	f("no row left", 30, level("row_remap_failed:info", "1i", "0i", 10, 99), "+row_remap_failed 10")
	f("recovery", 30, level("recovery_action:info", "2i", "0i", 10, 99), "+recovery_action 10")
	f("replays", 200, func(s int) string { return fmt.Sprintf("pcie_replays:counter=%di", 5*min(s, 120)) },
		"+pcie_replays 70", "-pcie_replays 130")
	f("an XID", 900, func(s int) string {
		line := "up=1i"
		for code, at := range map[int]string{5: "31", 7: "79", 9: "94"} {
			if s == code {
				line += ";gpu_event,gpu_index=0,event=xid,severity=critical,code=" + at + ` message="m"`
			}
		}
		if s == 800 {
			line += `;gpu_event,gpu_index=0,event=xid,severity=critical,code=79 message="m"`
		}
		return line
	}, "+critical_xid 7", "-critical_xid 607", "+critical_xid 800")
}

// TestAlertsOnSimulatedIncidents gives the rules that fire in the scenarios of inputs.simulate, on GPU 0 and
// on GPU 1.
func TestAlertsOnSimulatedIncidents(t *testing.T) {
	f := func(scenario string, seconds int, want ...string) {
		t.Helper()
		t.Run(scenario, func(t *testing.T) {
			c := simulate.Definition().NewConfig().(*simulate.Config)
			c.Scenario, c.GPUs = scenario, 2
			in, err := simulate.New(c)
			if err != nil {
				t.Fatal(err)
			}
			catalog := sdk.NewCatalog(sdk.Limits{})
			now := time.Unix(1_700_000_000, 0)
			env := sdktest.Env(t, catalog)
			env.Now = func() time.Time { return now }
			if err := in.Open(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			chain, b := alerts(t), sdk.NewBatch(catalog)
			var got []string
			for range 10 * seconds {
				b.Reset()
				if err := in.Gather(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				now = now.Add(100 * time.Millisecond)
				pass(t, chain, b)
				for m := range b.All() {
					if active, _ := m.Number("active"); m.Name() == vocabulary.Event && active == 1 {
						got = append(got, m.Tag(vocabulary.TagIndex)+" "+m.Tag(vocabulary.TagCode))
					}
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(want, slices.Compact(got)); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
	f("idle", 60)
	f("inference", 120)
	f("training", 400)
	f("thermal", 180, "0 thermal", "0 throttle_hw_thermal", "0 throttle_sw_thermal", "1 thermal", "1 throttle_sw_thermal")
	f("power_cap", 180, "0 throttle_sw_power", "1 throttle_sw_power")
	f("memory_leak", 180) // the process dies before it is full for two minutes
	f("ecc", 60, "0 ecc_uncorrected", "0 recovery_action", "0 row_remap_pending")
	f("lost_gpu", 60, "1 critical_xid", "1 gpu_gone")
}
