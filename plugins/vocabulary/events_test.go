package vocabulary_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

var card = vocabulary.Device{UUID: "GPU-1", Index: "0", Source: vocabulary.SourceNVML}.Tags()

func TestDeviceTags(t *testing.T) {
	full := vocabulary.Device{
		UUID: "GPU-1", Index: "3", Name: "NVIDIA H100", PCIBusID: "00000000:53:00.0",
		GI: "1", CI: "0", Source: "dcgm", Host: "a",
	}
	f := func(d vocabulary.Device, want string) {
		t.Helper()
		b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		if got := b.Series("gpu", d.Tags()...).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(full, "gpu,gpu_index=3,gpu_name=NVIDIA H100,gpu_uuid=GPU-1,host=a,mig_ci=0,mig_gi=1,pci_bus_id=00000000:53:00.0,source=dcgm")
	f(vocabulary.Device{UUID: "GPU-1"}, "gpu,gpu_uuid=GPU-1")
	f(vocabulary.Device{}, "gpu")
}

func TestEvents(t *testing.T) {
	const second = int64(time.Second)
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	var events vocabulary.Events
	at := func(t int64, code string) {
		events.On(b, card, t).Add(vocabulary.EventECC, code, vocabulary.Warning, "m")
	}
	at(5*second, "corrected")
	at(5*second, "corrected")
	at(5*second, "corrected")
	at(5*second, "uncorrected") // another series
	at(5*second+1, "corrected") // taken by the second one
	at(9*second, "corrected")
	at(3*second, "corrected") // the clock stepped back
	var times []int64
	for m := range b.All() {
		if m.Class() != sdk.ClassEvent || m.Name() != vocabulary.Event {
			t.Errorf("%s is of class %s", m.Series(), m.Class())
		}
		times = append(times, m.Time())
	}
	want := []int64{5 * second, 5*second + 1, 5*second + 2, 5 * second, 5*second + 3, 9 * second, 3 * second}
	if !slices.Equal(times, want) {
		t.Errorf("times %v, want %v", times, want)
	}
}

func TestEventText(t *testing.T) {
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	var events vocabulary.Events
	events.On(b, card, 1).XID(79, "")
	events.On(b, card, 1).XID(31, "pid=7, name=python")
	events.On(b, card, 2).Lost("GPU is lost")
	events.On(b, card, 3).Found("it answers again")
	events.On(b, card, 4).AddValue(vocabulary.EventRule, "hot", vocabulary.Critical, "temperature_celsius > 80", 81.5)
	m := vocabulary.AddInfo(b, card, 6)
	m.Set(vocabulary.Field(vocabulary.Info, "serial"), sdk.StringValue("1650"))
	want := []string{
		`gpu_event,code=79,event=xid,gpu_index=0,gpu_uuid=GPU-1,severity=critical,source=nvml message="XID 79: GPU has fallen off the bus" 1 class=event`,
		`gpu_event,code=31,event=xid,gpu_index=0,gpu_uuid=GPU-1,severity=info,source=nvml message="XID 31: memory page fault: pid=7, name=python" 1 class=event`,
		`gpu_event,event=lost,gpu_index=0,gpu_uuid=GPU-1,severity=critical,source=nvml message="GPU is lost" 2 class=event`,
		`gpu_event,event=found,gpu_index=0,gpu_uuid=GPU-1,severity=info,source=nvml message="it answers again" 3 class=event`,
		`gpu_event,code=hot,event=rule,gpu_index=0,gpu_uuid=GPU-1,severity=critical,source=nvml message="temperature_celsius > 80",value=81.5 4 class=event`,
		`gpu_info,gpu_index=0,gpu_uuid=GPU-1,source=nvml serial="1650" 6 class=info`,
	}
	if diff := cmp.Diff(want, sdktest.Dump(b)); diff != "" {
		t.Error(diff)
	}
}

func TestEventsInAFullCatalog(t *testing.T) {
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{Series: 1}))
	b.Series("gpu")
	var events vocabulary.Events
	events.On(b, card, 1).Lost("m")
	if b.Len() != 0 || b.Tally().Dropped() != 1 {
		t.Errorf("%d rows, %d dropped", b.Len(), b.Tally().Dropped())
	}
}

func TestEventsForgetSeriesThatLeft(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{Idle: time.Second})
	b := sdk.NewBatch(c)
	var events vocabulary.Events
	events.On(b, card, 7).Lost("m")
	c.Sweep(time.Unix(0, 0))
	c.Sweep(time.Unix(10, 0))
	b.Reset()
	if m := events.On(b, card, 7).Add(vocabulary.EventLost, "", vocabulary.Critical, "m"); m.Time() != 7 {
		t.Errorf("time %d, want 7: nothing is left to be apart from", m.Time())
	}
}

func TestOnsets(t *testing.T) {
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	var events vocabulary.Events
	var onsets vocabulary.Onsets
	f := func(seconds, bits int64, want ...string) {
		t.Helper()
		b.Reset()
		onsets.Observe(events.On(b, card, seconds*int64(time.Second)), bits)
		var got []string
		for m := range b.All() {
			got = append(got, m.Tag(vocabulary.TagSeverity)+" "+m.Tag(vocabulary.TagCode))
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %d s: %v, want %v", seconds, got, want)
		}
	}
	f(100, vocabulary.ThrottleIdle)
	f(101, vocabulary.ThrottleSWPower, "info sw_power")
	f(102, vocabulary.ThrottleSWPower)
	f(103, 0)
	f(104, vocabulary.ThrottleSWPower|vocabulary.ThrottleSWThermal, "warning sw_thermal")
	f(105, vocabulary.ThrottleHWSlowdown|vocabulary.ThrottleHWThermal, "warning hw_slowdown", "critical hw_thermal")
	f(115, vocabulary.ThrottleSWPower, "info sw_power")
	f(116, vocabulary.ThrottleDisplay|vocabulary.ThrottleApplicationsClocks)
	f(116, vocabulary.ThrottleReliability|vocabulary.ThrottleBoardLimit, "info board_limit")
	f(117, vocabulary.ThrottlePowerBrake|vocabulary.ThrottleSyncBoost, "info sync_boost", "critical power_brake")
}

func TestThrottles(t *testing.T) {
	for i, r := range vocabulary.Throttles() {
		if r.Bit != 1<<i {
			t.Errorf("%s is bit %#x in place %d", r.Name, r.Bit, i)
		}
		if r.Counter != "" && vocabulary.Field(vocabulary.GPU, r.Counter).Kind != sdk.Counter {
			t.Errorf("%s: %s is no counter", r.Name, r.Counter)
		}
	}
}
