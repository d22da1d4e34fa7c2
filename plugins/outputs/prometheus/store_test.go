package prometheus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestSeriesExpireOneByOne(t *testing.T) {
	r := newRig(t, Config{Expire: time.Minute})
	r.mustWrite("gpu,i=0 a=1,b=2 1s\n gpu,i=1 a=3 1s")
	r.clock = r.clock.Add(40 * time.Second)
	r.mustWrite("gpu,i=0 a=4 2s")
	r.want(`gpu_a{i="0"} 4`, `gpu_a{i="1"} 3`, `gpu_b{i="0"} 2`)
	r.clock = r.clock.Add(40 * time.Second)
	r.want(`gpu_a{i="0"} 4`)
	r.clock = r.clock.Add(40 * time.Second)
	if page := r.page(); page != "" {
		t.Errorf("page %q", page)
	}
	r.mustWrite("gpu,i=0 a=5,b=6 3s")
	r.want(`gpu_a{i="0"} 5`, `gpu_b{i="0"} 6`)
}

func TestMemoryIsFreedThoughNobodyScrapes(t *testing.T) {
	r := newRig(t, Config{Expire: time.Minute})
	for i := range 1000 {
		r.clock = r.clock.Add(10 * time.Second)
		r.mustWrite(fmt.Sprintf("m%d,pid=%d,gpu_uuid=u%d x_max=1 1s class=result", i, i, i))
	}
	if s := r.store; s.len > 20 || len(s.families) > 20 || len(s.cells) > 20 || len(s.holds) > 20 || len(s.devices) > 20 || len(s.byName) > 20 {
		t.Errorf("%d series, %d families, %d cells, %d holds, %d devices", s.len, len(s.families), len(s.cells), len(s.holds), len(s.devices))
	}
}

func TestWhatComesOnceLivesAsLongAsTheDevice(t *testing.T) {
	r := newRig(t, Config{Expire: time.Minute})
	r.mustWrite(`gpu_info,gpu_uuid=u driver_version="1",n:info=7 1s class=info
		gpu_event,gpu_uuid=u,event=xid message="x" 1s class=event`)
	for i := range 5 {
		r.clock = r.clock.Add(40 * time.Second)
		r.mustWrite(fmt.Sprintf("gpu,gpu_uuid=u a=1 %ds", i+2))
	}
	r.want(`gpu_a{gpu_uuid="u"} 1`,
		`gpu_event_last_timestamp_seconds{event="xid",gpu_uuid="u"} 1`,
		`gpu_events_total{event="xid",gpu_uuid="u"} 1`,
		`gpu_info{gpu_uuid="u",driver_version="1"} 1`,
		`gpu_info_n{gpu_uuid="u"} 7`)
	r.clock = r.clock.Add(61 * time.Second)
	if page := r.page(); page != "" {
		t.Errorf("page %q", page)
	}
}

func TestEventsOfNoDeviceStay(t *testing.T) {
	r := newRig(t, Config{Expire: time.Minute})
	r.mustWrite(`gpu_event,event=rule message="x" 1s class=event`)
	for i := range 5 {
		r.clock = r.clock.Add(40 * time.Second)
		r.mustWrite(fmt.Sprintf("gpu,gpu_uuid=u a=1 %ds", i+2))
	}
	r.mustWrite(`gpu_event,event=rule message="x" 1s class=event`)
	r.want(`gpu_a{gpu_uuid="u"} 1`, `gpu_event_last_timestamp_seconds{event="rule"} 1`, `gpu_events_total{event="rule"} 2`)
}

func TestNewTextReplacesTheOld(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite(`gpu_info,gpu_uuid=u driver_version="1" 1s class=info`)
	r.mustWrite(`gpu_info,gpu_uuid=u driver_version="1" 2s class=info`)
	r.want(`gpu_info{gpu_uuid="u",driver_version="1"} 1`)
	r.mustWrite(`gpu_info,gpu_uuid=u driver_version="2" 3s class=info`)
	r.want(`gpu_info{gpu_uuid="u",driver_version="2"} 1`)
	r.mustWrite(`gpu_info,gpu_uuid=u driver_version="1" 4s class=info`)
	r.want(`gpu_info{gpu_uuid="u",driver_version="1"} 1`)
}

func TestLostDeviceKeepsNoValues(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite("gpu,i=0 up=1i,a=1 1s\n gpu,i=1 up=1i,a=2 1s")
	r.clock = r.clock.Add(time.Second)
	r.mustWrite("gpu,i=0 up=0i 2s")
	r.want(`gpu_a{i="1"} 2`, `gpu_up{i="0"} 0`, `gpu_up{i="1"} 1`)
	r.clock = r.clock.Add(time.Second)
	r.mustWrite("gpu,i=0 up=1i,a=3 3s")
	r.want(`gpu_a{i="1"} 2`, `gpu_a{i="0"} 3`, `gpu_up{i="0"} 1`, `gpu_up{i="1"} 1`)
}

// TestWhatIsSilentLeaves tells of a series at the seconds given, and looks for it at the last.
func TestWhatIsSilentLeaves(t *testing.T) {
	f := func(row string, heard []int, at int, shown bool) {
		t.Helper()
		r := newRig(t, Config{})
		start := r.clock
		for _, second := range heard {
			r.clock = start.Add(time.Duration(second) * time.Second)
			r.mustWrite(strings.ReplaceAll(row, "@", strconv.Itoa(second+1)+"s"))
		}
		r.clock = start.Add(time.Duration(at) * time.Second)
		if page := r.page(); (page != "") != shown {
			t.Errorf("%s, heard at %v: at %d s the page is %q", row, heard, at, page)
		}
	}
	each := func(step int) []int { return []int{0, step, 2 * step} }
	const dcgm, process = "DCGM_FI_DEV_GPU_TEMP,UUID=u,gpu=0 value=40 @", "gpu_process,gpu_uuid=u,pid=7 memory_used_bytes=1i @"
	f(dcgm, each(1), 31, true)
	f(dcgm, each(1), 33, false)
	f(dcgm, each(30), 149, true) // three times as long as ever before
	f(dcgm, each(30), 151, false)
	f(dcgm, each(120), 539, true) // never longer than expire
	f(dcgm, each(120), 541, false)
	f(dcgm, []int{0}, 299, true) // nobody knows how often it comes
	f(process, each(30), 149, true)
	f(process, each(30), 151, false)
	f("nvidia_smi,uuid=u,pstate=P0 power_draw=1 @", each(1), 33, false)
	f("gpu,gpu_uuid=u,mig_gi=1 memory_used_bytes=1i @", each(1), 33, false)
	f("gpu,gpu_uuid=u,window=10s power_watts_max=1 @ class=result", each(10), 49, true)
	f("gpu,gpu_uuid=u,window=10s power_watts_max=1 @ class=result", each(10), 51, false)
	f("DCGM_FI_DEV_XID_ERRORS,UUID=u,gpu=0 value=79 @", each(1), 299, true) // of a GPU that then is silent
	f("inference,gpu_uuid=u latency_seconds=1 @", each(1), 299, true)       // comes when somebody asks
	f(dcgm, []int{0, 1, 2, 60, 61}, 91, true)
	f(dcgm, []int{0, 1, 2, 60, 61}, 92, false) // one that has come back is new
}

// TestFieldsAreSilentEachForItself: of a GPU that is lost, windows go on to tell how long it was up.
func TestFieldsAreSilentEachForItself(t *testing.T) {
	r := newRig(t, Config{})
	for i := range 60 {
		r.clock = r.clock.Add(time.Second)
		power := ",power_watts_mean=300"
		if i >= 20 {
			power = ""
		}
		r.mustWrite(fmt.Sprintf("gpu,gpu_uuid=u,window=1s up_mean=%d%s %ds class=result", (i/20+1)%2, power, i+1))
	}
	r.want(`gpu_up_mean{gpu_uuid="u",window="1s"} 1`)
}

// TestInfoLeavesWithItsDevice in whatever words it is.
func TestInfoLeavesWithItsDevice(t *testing.T) {
	r := newRig(t, Config{Expire: time.Minute})
	r.mustWrite(`DCGM_FI_DEV_SHUTDOWN_TEMP,UUID=u value:info=95 1s class=info
		DCGM_FI_DEV_SHUTDOWN_TEMP,UUID=v value:info=96 1s class=info`)
	for i := range 5 {
		r.clock = r.clock.Add(20 * time.Second)
		r.mustWrite(fmt.Sprintf("DCGM_FI_DEV_GPU_TEMP,UUID=v value=40 %ds", i+2))
	}
	r.want(`DCGM_FI_DEV_GPU_TEMP{UUID="v"} 40`, `DCGM_FI_DEV_SHUTDOWN_TEMP{UUID="v"} 96`)
}

func TestOlderRowsChangeNothing(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite("gpu a=2 2s\n gpu a=1 1s")
	r.want("gpu_a 2")
}

func TestMaxSeriesRejectsWholeRows(t *testing.T) {
	r := newRig(t, Config{MaxSeries: 3, Expire: time.Minute})
	err := r.write("gpu,i=0 a=1,b=1 1s\n gpu,i=1 a=2,b=2 1s\n gpu,i=2 a=3 1s\n gpu_event,i=3 message=\"m\" 1s class=event\n gpu,i=0 a=4 2s")
	var partial *sdk.PartialError
	if !errors.As(err, &partial) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff([]int{1, 3}, partial.Rejected); diff != "" {
		t.Errorf("rejected: -want +got\n%s", diff)
	}
	want := []string{`gpu_a{i="0"} 4`, `gpu_a{i="2"} 3`, `gpu_b{i="0"} 1`}
	r.want(want...)
	r.clock = r.clock.Add(50 * time.Second)
	if err := r.write("gpu,i=1 a=2,b=2 3s"); !errors.As(err, &partial) {
		t.Errorf("error %v", err)
	}
	r.clock = r.clock.Add(50 * time.Second)
	r.mustWrite("gpu,i=1 a=2,b=2 4s")
	r.want(`gpu_a{i="1"} 2`, `gpu_b{i="1"} 2`)
	if got := r.total("gpuline_prometheus_series"); got != 2 {
		t.Errorf("%v series, want 2", got)
	}
}

func TestFirstTypeWins(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite("gpu x:counter=1 1s\n gpu,i=1 x_total:gauge=2,y=3 1s")
	r.want("gpu_x_total 1", `gpu_y{i="1"} 3`)
	if got := r.total("gpuline_prometheus_conflicts_total"); got != 1 {
		t.Errorf("%v conflicts, want 1", got)
	}
}

func TestNamesThatMeetShareASeries(t *testing.T) {
	r := newRig(t, Config{})
	r.mustWrite("a b_c=1 1s\n a_b c=2 2s")
	r.want("a_b_c 2")
}

func TestOwnFiguresComeFromTheAgent(t *testing.T) {
	r := newRig(t, Config{})
	r.totals = []sdk.Total{{Name: "gpuline_x_total", Kind: sdk.Counter, Value: 2}, {Name: "gpuline_x_total", Kind: sdk.Counter, Value: 2}}
	r.mustWrite("gpuline_x value=1 1s\n gpuline x=1 1s\n gpu a=1 1s\n gpuline-x_total value=3 1s\n gpuline.x,a=b value=3 1s")
	r.want("gpu_a 1", "gpuline_x_total 2")
}

func TestLabels(t *testing.T) {
	f := func(want string, own []sdk.Tag, tags ...sdk.Tag) {
		t.Helper()
		got := "f" + labelsOf(own, tags)
		if got != want {
			t.Errorf("%v %v:\n%s\nwant\n%s", own, tags, got, want)
		}
		if _, err := parse("# TYPE f gauge\n" + got + "1\n"); err != nil {
			t.Error(err)
		}
	}
	f("f ", nil)
	f(`f{a="b"} `, nil, sdk.Tag{Key: "a", Value: "b"})
	f(`f{reason="x",reason_2="y"} `, []sdk.Tag{{Key: "reason", Value: "x"}}, sdk.Tag{Key: "reason", Value: "y"})
	f(`f{a_b="1",a_b_2="2",a_b_2_2="3"} `, nil, sdk.Tag{Key: "a.b", Value: "1"}, sdk.Tag{Key: "a b", Value: "2"}, sdk.Tag{Key: "a_b_2", Value: "3"})
	f("f{a=\"\\\\\\\"\\n\uFFFDé\"} ", nil, sdk.Tag{Key: "a", Value: "\\\"\n\xffé"})
	f(`f{_0="x",_="y",_2="z"} `, nil, sdk.Tag{Key: "0", Value: "x"}, sdk.Tag{Key: "é", Value: "y"}, sdk.Tag{Key: "", Value: "z"})
}

func TestNames(t *testing.T) {
	result := func(field sdk.Field) string {
		c, ok := ofResult("gpu", field)
		if !ok {
			return ""
		}
		return strings.TrimSpace(c.kind.String() + " " + c.family + " " + c.reason)
	}
	sample := func(field sdk.Field) string {
		c, ok := ofSample("gpu", field)
		if !ok {
			return ""
		}
		return strings.TrimSpace(c.kind.String() + " " + c.family + " " + c.reason)
	}
	f := func(name func(sdk.Field) string, field sdk.Field, want string) {
		t.Helper()
		if got := name(field); got != want {
			t.Errorf("%s becomes %q, want %q", field.Name, got, want)
		}
	}
	f(sample, sdk.Field{Name: "power_watts"}, "gauge gpu_power_watts")
	f(sample, sdk.Field{Name: "energy_joules"}, "counter gpu_energy_joules_total") // the vocabulary knows
	f(sample, sdk.Field{Name: "throttle_sync_boost_seconds"}, "counter gpu_throttle_seconds_total sync_boost")
	f(sample, sdk.Field{Name: "throttle_reasons", Type: sdk.Int, Kind: sdk.Info}, "gauge gpu_throttle_reasons")
	f(sample, sdk.Field{Name: "x_total", Kind: sdk.Counter}, "counter gpu_x_total")
	f(sample, sdk.Field{Name: "a.b-c/é"}, "gauge gpu_a_b_c__")
	f(sample, sdk.Field{Name: "text", Type: sdk.String}, "")
	f(sample, sdk.Field{Name: "flag", Type: sdk.Bool}, "gauge gpu_flag")
	f(sample, sdk.Field{Name: "value"}, "gauge gpu")
	f(sample, sdk.Field{Name: "value", Kind: sdk.Counter}, "counter gpu") // as it is
	f(result, sdk.Field{Name: "power_watts_mean"}, "gauge gpu_power_watts_mean")
	f(result, sdk.Field{Name: "power_watts_max"}, "gauge gpu_power_watts_max")
	f(result, sdk.Field{Name: "power_watts_max_time", Type: sdk.Int}, "gauge gpu_power_watts_max_timestamp_seconds")
	f(result, sdk.Field{Name: "power_watts_above_seconds"}, "gauge gpu_power_watts_above_seconds")
	f(result, sdk.Field{Name: "throttle_sw_power_seconds_rate"}, "gauge gpu_throttle_seconds_rate sw_power")
	f(result, sdk.Field{Name: "power_watts"}, "")
	f(result, sdk.Field{Name: "energy_joules", Kind: sdk.Counter}, "")
	f(result, sdk.Field{Name: "_mean"}, "")
	f(result, sdk.Field{Name: "name_max", Type: sdk.String}, "")
}
