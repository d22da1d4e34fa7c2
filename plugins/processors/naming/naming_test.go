package naming

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func build(t testing.TB, words string) *Naming {
	t.Helper()
	p, err := New(&Config{Vocabulary: words, MaxGap: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run passes a batch through p and checks that every row is accounted for.
func run(t testing.TB, p *Naming, b *sdk.Batch) []string {
	t.Helper()
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() {
		t.Errorf("the ledger does not balance: %d rows, %+v", b.Len(), *y)
	}
	return sdktest.Dump(b)
}

const card = "gpu,gpu_index=0,gpu_name=H100,gpu_uuid=GPU-a,host=h,pci_bus_id=bus0,source=nvml"

var (
	info   = strings.Replace(card, "gpu,", "gpu_info,", 1)
	labels = "Hostname=h,UUID=GPU-a,device=nvidia0,gpu=0,modelName=H100,pci_bus_id=bus0"
	driven = "DCGM_FI_DRIVER_VERSION=550.1," + labels
)

// cases returns a check of what becomes of lines, each alone with a processor of its own.
func cases(t *testing.T, words string) func(in string, want ...string) {
	return func(in string, want ...string) {
		t.Helper()
		got := run(t, build(t, words), sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), in))
		if d := cmp.Diff(append([]string{}, want...), got); d != "" {
			t.Errorf("%s\n-want +got\n%s", in, d)
		}
	}
}

func TestDCGM(t *testing.T) {
	f := cases(t, "dcgm")
	m := func(metric, rest string) string { return metric + "," + labels + " value=" + rest }

	// Units are DCGM's, one metric for each field, in the order of the fields.
	f(card+" utilization_ratio=0.98,memory_used_bytes=85899345920i,power_watts=300.5,clock_sm_hertz=1980000000i 5",
		m("DCGM_FI_DEV_GPU_UTIL", "98 5"), m("DCGM_FI_DEV_FB_USED", "81920 5"), m("DCGM_FI_DEV_POWER_USAGE", "300.5 5"), m("DCGM_FI_DEV_SM_CLOCK", "1980 5"))
	f(card+" energy_joules=600.25,tensor_active_ratio=0.1,temperature_celsius=72,throttle_sw_power_seconds=1.5 5",
		m("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "600250 5"), m("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "0.1 5"),
		m("DCGM_FI_DEV_GPU_TEMP", "72 5"), m("DCGM_FI_DEV_POWER_VIOLATION", "1.5e+09 5"))

	// What has no name is left out: fields, rows; texts and numbers that are none where one is due.
	f(card+" up=1i,pstate=2i,memory_power_watts=5 5", m("DCGM_FI_DEV_PSTATE", "2 5"))
	f(card + " up=0i 5")
	f(card + " voltage=1 5")
	f(card + " - 5")
	f(card + " temperature_celsius=\"warm\" 5")

	// Tags: what is absent is absent, what is unknown stays, and ours win over the operator's.
	f("gpu,gpu_uuid=GPU-a,container=c,namespace=n,pod=p pstate=2i 5", "DCGM_FI_DEV_PSTATE,UUID=GPU-a,container=c,namespace=n,pod=p value=2 5")
	f("gpu,gpu_index=1,gpu_uuid=GPU-a,mig_gi=7,mig_ci=0 sm_active_ratio=0.5 5", "DCGM_FI_PROF_SM_ACTIVE,GPU_I_ID=7,UUID=GPU-a,device=nvidia1,gpu=1,mig_ci=0 value=0.5 5")
	f("gpu,gpu_uuid=GPU-a,UUID=x,gpu=y,gpu_index=3 pstate=2i 5", "DCGM_FI_DEV_PSTATE,UUID=GPU-a,device=nvidia3,gpu=3 value=2 5")
	f("gpu pstate=2i 5", "DCGM_FI_DEV_PSTATE value=2 5")

	// A result has its suffix in the metric's name; what travels along has the series of its samples.
	result := card + ",window=10s"
	w := func(metric, rest string) string {
		return metric + "," + labels + ",window=10s value=" + rest + " class=result origin=" + card
	}
	f(result+" utilization_ratio_max=0.98,utilization_ratio_max_time=1500000000i,utilization_ratio_mean=0.5,utilization_ratio_samples=9i,utilization_ratio_above_seconds=2 10 origin="+card,
		w("DCGM_FI_DEV_GPU_UTIL_max", "98 10"), w("DCGM_FI_DEV_GPU_UTIL_max_time", "1500000000i 10"), w("DCGM_FI_DEV_GPU_UTIL_mean", "50 10"),
		w("DCGM_FI_DEV_GPU_UTIL_samples", "9 10"), w("DCGM_FI_DEV_GPU_UTIL_above_seconds", "2 10"))
	f(result+" energy_joules=1,power_watts_mean=300,pstate=0i 10 origin="+card,
		m("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "1000 10"), w("DCGM_FI_DEV_POWER_USAGE_mean", "300 10"), m("DCGM_FI_DEV_PSTATE", "0 10"))
	f(result+" power_watts_max=3,energy_joules=1 10 origin="+card, w("DCGM_FI_DEV_POWER_USAGE_max", "3 10"), m("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "1000 10"))
	f(card+",window=10s,part=head power_watts_max=3 10 class=result",
		"DCGM_FI_DEV_POWER_USAGE_max,Hostname=h,UUID=GPU-a,device=nvidia0,gpu=0,modelName=H100,part=head,pci_bus_id=bus0,window=10s value=3 10 class=result")

	// Marks and annotations go to all metrics of a row.
	f(card+" pstate=2i,power_watts=3 5 absorbed notes=alert=hot",
		m("DCGM_FI_DEV_PSTATE", "2 5 absorbed notes=alert=hot"), m("DCGM_FI_DEV_POWER_USAGE", "3 5 absorbed notes=alert=hot"))

	// What no window has read of a row is not read under its other name either.
	f(card+" pstate=2i,power_watts=3,fan_ratio=0.5 5 absorbed=power_watts",
		m("DCGM_FI_DEV_PSTATE", "2 5"), m("DCGM_FI_DEV_POWER_USAGE", "3 5 absorbed"), m("DCGM_FI_DEV_FAN_SPEED", "50 5"))
	f(card+" power_watts=3,pstate=2i 5 absorbed=power_watts", m("DCGM_FI_DEV_POWER_USAGE", "3 5 absorbed"), m("DCGM_FI_DEV_PSTATE", "2 5"))
	f(card+" up=1i,pstate=2i 5 absorbed=up", m("DCGM_FI_DEV_PSTATE", "2 5"))
	f(card+" up=1i,pstate=2i 5 absorbed=pstate", m("DCGM_FI_DEV_PSTATE", "2 5 absorbed"))

	// The driver's version is a label, told by gpu_info; the rest of that are metrics, but for texts.
	f(info+` driver_version="550.1",serial="1",power_limit_requested_watts=700 5 class=info`, "DCGM_FI_DEV_POWER_MGMT_LIMIT,"+driven+" value=700 5 class=info")
	f(card+" pstate=2i 5\n"+info+` driver_version="550.1",temperature_slowdown_celsius=87 5 class=info`,
		"DCGM_FI_DEV_PSTATE,"+driven+" value=2 5", "DCGM_FI_DEV_SLOWDOWN_TEMP,"+driven+" value=87 5 class=info")
	f(info+` driver_version="550.1" 5 class=info`+"\n"+card+" pstate=2i 5\n"+info+` driver_version="560" 6 class=info`+"\n"+card+" pstate=3i 7",
		"DCGM_FI_DEV_PSTATE,"+driven+" value=2 5", "DCGM_FI_DEV_PSTATE,DCGM_FI_DRIVER_VERSION=560,"+labels+" value=3 7")

	// The event of an XID is the last code, too; other events, and what is no reading, pass.
	event := strings.Replace(card, "gpu,", "gpu_event,code=79,event=xid,", 1)
	event = strings.Replace(event, ",source=", ",severity=critical,source=", 1)
	f(event+" message=\"off\" 5 class=event", event+" message=\"off\" 5 class=event", m("DCGM_FI_DEV_XID_ERRORS", "79 5"))
	f(card+" xid=79i 5", m("DCGM_FI_DEV_XID_ERRORS", "79 5"))
	for _, pass := range []string{
		"gpu_event,code=hot,event=rule,gpu_uuid=GPU-a active=1i 5 class=event",
		"gpu_event,code=many,event=xid,gpu_uuid=GPU-a message=\"x\" 5 class=event",
		"gpu_process,gpu_uuid=GPU-a,pid=1 memory_used_bytes=1i 5",
		"gpu_threshold,gpu_uuid=GPU-a,rule=hot active=1i 5 class=info",
		"inference,model=m latency_seconds=0.5 5",
	} {
		f(pass, pass)
	}
}

func TestTelegraf(t *testing.T) {
	f := cases(t, "telegraf")
	own := "nvidia_smi,host=h,index=0,name=H100"
	f(card+" utilization_ratio=0.98,memory_activity_ratio=0.005,memory_used_bytes=85899345920i,power_watts=300.5,temperature_celsius=72,fan_ratio=0.3,clock_sm_hertz=1980000000i,pcie_link_generation=5i,up=1i 5",
		own+",uuid=GPU-a utilization_gpu=98i,utilization_memory=1i,memory_used=81920i,power_draw=300.5,temperature_gpu=72i,fan_speed=30i,clocks_current_sm=1980i,pcie_link_gen_current=5i 5")

	// The P-state is a tag, of this row and of those that follow without one.
	f(card+" pstate=8i,power_watts=3 5\n"+card+" power_watts=4 6\n"+card+" pstate=0i,power_watts=5 7\n"+card+" pstate=99i,power_watts=6 8",
		own+",pstate=P8,uuid=GPU-a power_draw=3 5", own+",pstate=P8,uuid=GPU-a power_draw=4 6",
		own+",pstate=P0,uuid=GPU-a power_draw=5 7", own+",pstate=P0,uuid=GPU-a power_draw=6 8")
	f(card+" power_watts=3 5\n"+info+` compute_mode="Default",driver_version="550.1",power_limit_max_watts=700,memory_temperature_max_operating_celsius=95,vbios_version="v" 5 class=info`,
		"nvidia_smi,compute_mode=Default,host=h,index=0,name=H100,uuid=GPU-a power_draw=3 5",
		"nvidia_smi,compute_mode=Default,host=h,index=0,name=H100,uuid=GPU-a driver_version=\"550.1\",power_limit_max=700,temperature_max_mem_threshold=95i,vbios_version=\"v\" 5 class=info")

	// Results keep their suffix, and a type that fits the field's.
	result := card + ",window=10s"
	f(result+" utilization_ratio_mean=0.985,utilization_ratio_max=0.985,utilization_ratio_max_time=1500000000i,utilization_ratio_above_seconds=2.5,memory_used_bytes_max=1048576i,power_watts_mean=3,pcie_link_width=16i 10 origin="+card+" notes=alert=hot",
		own+",uuid=GPU-a,window=10s utilization_gpu_mean=98.5,utilization_gpu_max=99i,utilization_gpu_max_time=1500000000i,utilization_gpu_above_seconds=2.5,memory_used_max=1i,power_draw_mean=3,pcie_link_width_current=16i 10 class=result notes=alert=hot origin="+card)
	f(result+" throttle_sw_power_seconds_rate=0.25 10 origin="+card, own+",uuid=GPU-a,window=10s clocks_event_reasons_counters_sw_power_cap_rate=250000 10 class=result origin="+card)

	f(card+" utilization_ratio=0.98,power_watts=3,fan_ratio=0.5 5 absorbed=power_watts,fan_ratio",
		own+",uuid=GPU-a utilization_gpu=98i,power_draw=3,fan_speed=50i 5 absorbed=power_draw,fan_speed")
	f(card+" pstate=0i,power_watts=3 5 absorbed=pstate", own+",pstate=P0,uuid=GPU-a power_draw=3 5")
	f(card+" pstate=0i,power_watts=3 5 absorbed=power_watts", own+",pstate=P0,uuid=GPU-a power_draw=3 5 absorbed")

	f(card + " up=1i,pstate=0i 5")
	f(card + " - 5")
	f(card + " utilization_ratio=NaN 5")
	f(card+" utilization_ratio=NaN,power_watts=NaN 5", own+",uuid=GPU-a power_draw=NaN 5")
	f("gpu,rack=4 power_watts=3 5 absorbed", "nvidia_smi,rack=4 power_draw=3 5 absorbed")
	for _, pass := range []string{
		"gpu_event,code=79,event=xid,gpu_uuid=GPU-a message=\"off\" 5 class=event",
		"gpu_process,gpu_uuid=GPU-a,pid=1 memory_used_bytes=1i 5",
	} {
		f(pass, pass)
	}
}

func TestKinds(t *testing.T) {
	f := func(words, in string, want ...string) {
		t.Helper()
		b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		m := b.Add(b.Series("gpu"), 1)
		field, ok := vocabulary.Coerce(vocabulary.GPU, in)
		if !ok {
			t.Fatalf("no field %s", in)
		}
		m.SetNumber(field, 1)
		run(t, build(t, words), b)
		var got []string
		for m := range b.All() {
			got = append(got, m.Name()+" "+m.Field(0).Name+" "+m.Field(0).Type.String()+" "+m.Field(0).Kind.String()+" "+string(m.Field(0).Unit))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s %s: -want +got\n%s", words, in, d)
		}
	}
	f("dcgm", "utilization_ratio", "DCGM_FI_DEV_GPU_UTIL value float gauge ")
	f("dcgm", "energy_joules", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION value float counter ")
	f("dcgm", "energy_joules_rate", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION_rate value float gauge ")
	f("dcgm", "pstate", "DCGM_FI_DEV_PSTATE value float gauge ")
	f("dcgm", "nvlink_bytes_per_second", "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL value float counter ")
	f("telegraf", "utilization_ratio", "nvidia_smi utilization_gpu int gauge ")
	f("telegraf", "power_watts", "nvidia_smi power_draw float gauge ")
	f("telegraf", "remapped_rows_correctable", "nvidia_smi remapped_rows_correctable int counter ")
	f("telegraf", "power_watts_stddev", "nvidia_smi power_draw_stddev float gauge ")
}

func TestReasons(t *testing.T) {
	f := func(in string, want ...sdk.Drop) {
		t.Helper()
		b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), in)
		run(t, build(t, "dcgm"), b)
		if d := cmp.Diff(want, b.Tally().Drops); d != "" {
			t.Errorf("%s: -want +got\n%s", in, d)
		}
	}
	f(card+" up=1i 5", sdk.Drop{Reason: "no_name", Count: 1})
	f(card+" power_watts=1,energy_joules=5 5\n"+strings.Replace(card, "nvml", "nvidia_smi", 1)+" power_watts=1,up=1i 5", sdk.Drop{Reason: "other_source", Count: 1})
	f(card + " power_watts=1,energy_joules=5 5")
}

func TestUnknownVocabulary(t *testing.T) {
	if _, err := New(&Config{Vocabulary: "statsd"}); err == nil || !strings.Contains(err.Error(), "statsd") {
		t.Errorf("New: %v", err)
	}
}
