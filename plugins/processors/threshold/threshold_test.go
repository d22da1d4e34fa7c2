package threshold

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// thermal is a rule with all that a rule may have.
func thermal() Rule {
	return Rule{
		Name: "hot", Metric: "gpu", When: "temperature_celsius > 80", Clear: "temperature_celsius < 75",
		For: 10 * time.Second, Tags: map[string]string{"alert": "heat"},
	}
}

// bare is a rule that is active as long as its condition is true.
func bare(name, when string) Rule {
	return Rule{Name: name, Metric: "gpu", When: when, Tags: map[string]string{"alert": name}}
}

func build(t testing.TB, rules ...Rule) *Threshold {
	t.Helper()
	p, err := New(&Config{MaxGap: 30 * time.Second, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run passes lines through the rules, and then lets the wall clock pass by silent, if that is more than 0.
func run(t *testing.T, p *Threshold, in string, silent time.Duration) []string {
	t.Helper()
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), in)
	b.Enter()
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := sdktest.Dump(b)
	start := time.Unix(1e9, 0)
	for _, now := range []time.Time{start, start.Add(silent)} {
		b.Reset()
		if err := p.Flush(t.Context(), now, false, b); err != nil {
			t.Fatal(err)
		}
		got = append(got, sdktest.Dump(b)...)
	}
	return got
}

func TestRules(t *testing.T) {
	f := func(name string, rules []Rule, in, want string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Helper()
			in, silent, _ := strings.Cut(in, "silence ")
			d, _ := time.ParseDuration(strings.TrimSpace(silent))
			if diff := cmp.Diff(sdktest.Lines(want), run(t, build(t, rules...), in, d)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	f("fires once the time has passed, and clears below the other level", []Rule{thermal()}, `
		gpu,gpu_index=0 temperature_celsius=81 1s
		gpu,gpu_index=0 temperature_celsius=82 10s
		gpu,gpu_index=0 temperature_celsius=83 11s
		gpu,gpu_index=0 temperature_celsius=76 12s
		gpu,gpu_index=0 temperature_celsius=74 13s`, `
		gpu,gpu_index=0 temperature_celsius=81 1000000000
		gpu_threshold,gpu_index=0,rule=hot active=0i 1000000000 class=info
		gpu,gpu_index=0 temperature_celsius=82 10000000000
		gpu,gpu_index=0 temperature_celsius=83 11000000000 notes=alert=heat
		gpu_event,code=hot,event=rule,gpu_index=0,severity=warning message="hot: temperature_celsius > 80 for 10s: temperature_celsius = 83",active=1i,value=83 11000000000 class=event
		gpu_threshold,gpu_index=0,rule=hot active=1i 11000000000 class=info
		gpu,gpu_index=0 temperature_celsius=76 12000000000 notes=alert=heat
		gpu,gpu_index=0 temperature_celsius=74 13000000000
		gpu_event,code=hot,event=rule,gpu_index=0,severity=info message="hot is over: temperature_celsius = 74",active=0i,value=74 13000000000 class=event
		gpu_threshold,gpu_index=0,rule=hot active=0i 13000000000 class=info`)

	f("without for it fires at once, and without clear it is over as soon as the condition is", []Rule{bare("r", "x > 1")}, `
		gpu x=2 1s
		gpu x=1 2s
		gpu x=2 3s`, `
		gpu x=2 1000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1: x = 2",active=1i,value=2 1000000000 class=event
		gpu_threshold,rule=r active=1i 1000000000 class=info
		gpu x=1 2000000000
		gpu_event,code=r,event=rule,severity=info message="r is over: x = 1",active=0i,value=1 2000000000 class=event
		gpu_threshold,rule=r active=0i 2000000000 class=info
		gpu x=2 3000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1: x = 2",active=1i,value=2 3000000000 class=event
		gpu_threshold,rule=r active=1i 3000000000 class=info`)
	f("one false sample starts it anew", []Rule{wait("r", "x > 1", 2)}, `
		gpu x=2 1s
		gpu x=1 2s
		gpu x=2 3s
		gpu x=2 4s
		gpu x=2 5s`, `
		gpu x=2 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info
		gpu x=1 2000000000
		gpu x=2 3000000000
		gpu x=2 4000000000
		gpu x=2 5000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1 for 2s: x = 2",active=1i,value=2 5000000000 class=event
		gpu_threshold,rule=r active=1i 5000000000 class=info`)
	f("each series on its own, and other measurements not at all", []Rule{bare("r", "x > 1")}, `
		gpu,gpu_index=0 x=1 1s
		gpu,gpu_index=1 x=2 1s
		disk,gpu_index=1 x=2 1s`, `
		gpu,gpu_index=0 x=1 1000000000
		gpu_threshold,gpu_index=0,rule=r active=0i 1000000000 class=info
		gpu,gpu_index=1 x=2 1000000000 notes=alert=r
		gpu_event,code=r,event=rule,gpu_index=1,severity=warning message="r: x > 1: x = 2",active=1i,value=2 1000000000 class=event
		gpu_threshold,gpu_index=1,rule=r active=1i 1000000000 class=info
		disk,gpu_index=1 x=2 1000000000`)
	f("a sample that tells nothing of it leaves it alone", []Rule{wait("r", "x > 1", 2)}, `
		gpu x=2 1s
		gpu y=5 3s
		gpu x=2 4s
		gpu y=5 5s
		gpu x=NaN 6s`, `
		gpu x=2 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info
		gpu y=5 3000000000
		gpu x=2 4000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1 for 2s: x = 2",active=1i,value=2 4000000000 class=event
		gpu_threshold,rule=r active=1i 4000000000 class=info
		gpu y=5 5000000000 notes=alert=r
		gpu x=NaN 6000000000 notes=alert=r`)
	f("fields of several rows meet, none older than max_gap", []Rule{bare("r", "x > 1 and y > 1")}, `
		gpu x=2 1s
		gpu y=2 2s
		gpu x=3 20s
		gpu x=3 32s
		gpu x=3 33s
		gpu y=3 34s`, `
		gpu x=2 1000000000
		gpu y=2 2000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1 and y > 1: x = 2, y = 2",active=1i,value=2 2000000000 class=event
		gpu_threshold,rule=r active=1i 2000000000 class=info
		gpu x=3 20000000000 notes=alert=r
		gpu x=3 32000000000 notes=alert=r
		gpu x=3 33000000000
		gpu_event,code=r,event=rule,severity=info message="r is over: nothing to judge by for 30s",active=0i 32000000000 class=event
		gpu_threshold,rule=r active=0i 32000000000 class=info
		gpu y=3 34000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1 and y > 1: x = 3, y = 3",active=1i,value=3 34000000000 class=event
		gpu_threshold,rule=r active=1i 34000000000 class=info`)
	f("after a gap it starts anew", []Rule{wait("r", "x > 1", 2)}, `
		gpu x=2 1s
		gpu x=2 32s
		gpu x=2 34s
		gpu y=2 65s`, `
		gpu x=2 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info
		gpu x=2 32000000000
		gpu x=2 34000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1 for 2s: x = 2",active=1i,value=2 34000000000 class=event
		gpu_threshold,rule=r active=1i 34000000000 class=info
		gpu y=2 65000000000
		gpu_event,code=r,event=rule,severity=info message="r is over: nothing to judge by for 30s",active=0i 64000000000 class=event
		gpu_threshold,rule=r active=0i 64000000000 class=info`)
	f("silence by the wall clock ends it, and what comes then is a new start", []Rule{bare("r", "x > 1")}, `
		gpu x=2 1s
		silence 30s`, `
		gpu x=2 1000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1: x = 2",active=1i,value=2 1000000000 class=event
		gpu_threshold,rule=r active=1i 1000000000 class=info
		gpu_event,code=r,event=rule,severity=info message="r is over: nothing to judge by for 30s",active=0i 31000000000 class=event
		gpu_threshold,rule=r active=0i 31000000000 class=info`)
	f("a shorter silence does not", []Rule{bare("r", "x > 1")}, `
		gpu x=2 1s
		silence 29900ms`, `
		gpu x=2 1000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1: x = 2",active=1i,value=2 1000000000 class=event
		gpu_threshold,rule=r active=1i 1000000000 class=info`)
	f("what comes out of order changes nothing, and bears the state of its time", []Rule{bare("r", "x > 1")}, `
		gpu x=1 1s
		gpu x=2 3s
		gpu x=1 2s
		gpu x=1 4s
		gpu x=2 3500ms`, `
		gpu x=1 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info
		gpu x=2 3000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1: x = 2",active=1i,value=2 3000000000 class=event
		gpu_threshold,rule=r active=1i 3000000000 class=info
		gpu x=1 2000000000
		gpu x=1 4000000000
		gpu_event,code=r,event=rule,severity=info message="r is over: x = 1",active=0i,value=1 4000000000 class=event
		gpu_threshold,rule=r active=0i 4000000000 class=info
		gpu x=2 3500000000 notes=alert=r`)
	f("the state is told every minute", []Rule{bare("r", "x > 1")}, `
		gpu x=1 1s
		gpu x=1 30s
		gpu x=1 59s
		gpu x=1 61s
		gpu x=1 62s`, `
		gpu x=1 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info
		gpu x=1 30000000000
		gpu x=1 59000000000
		gpu x=1 61000000000
		gpu_threshold,rule=r active=0i 61000000000 class=info
		gpu x=1 62000000000`)
	f("a division by zero freezes it", []Rule{wait("r", "x / y > 1", 2)}, `
		gpu x=2,y=1 1s
		gpu x=2,y=0 2s
		gpu x=2,y=1 3s`, `
		gpu x=2,y=1 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info
		gpu x=2,y=0 2000000000
		gpu x=2,y=1 3000000000 notes=alert=r
		gpu_event,code=r,event=rule,severity=warning message="r: x / y > 1 for 2s: x = 2, y = 1",active=1i,value=2 3000000000 class=event
		gpu_threshold,rule=r active=1i 3000000000 class=info`)
	f("tags, texts, bools and whole numbers", []Rule{bare("r", `gpu_index == "0" and mode != "off" and ok == true and n >= 5 and mig_gi == ""`)}, `
		gpu,gpu_index=1 mode="on",ok=true,n=7i 1s
		gpu,gpu_index=0,mig_gi=1 mode="on",ok=true,n=7i 1s
		gpu,gpu_index=0 mode="on",ok=true,n=7i 1s
		gpu,gpu_index=0 mode="off" 2s`, `
		gpu,gpu_index=1 mode="on",ok=true,n=7i 1000000000
		gpu_threshold,gpu_index=1,rule=r active=0i 1000000000 class=info
		gpu,gpu_index=0,mig_gi=1 mode="on",ok=true,n=7i 1000000000
		gpu_threshold,gpu_index=0,mig_gi=1,rule=r active=0i 1000000000 class=info
		gpu,gpu_index=0 mode="on",ok=true,n=7i 1000000000 notes=alert=r
		gpu_event,code=r,event=rule,gpu_index=0,severity=warning message="r: gpu_index == \"0\" and mode != \"off\" and ok == true and n >= 5 and mig_gi == \"\": gpu_index = \"0\", mode = \"on\", ok = 1, n = 7, mig_gi = \"\"",active=1i,value=1 1000000000 class=event
		gpu_threshold,gpu_index=0,rule=r active=1i 1000000000 class=info
		gpu,gpu_index=0 mode="off" 2000000000
		gpu_event,code=r,event=rule,gpu_index=0,severity=info message="r is over: gpu_index = \"0\", mode = \"off\", ok = 1, n = 7, mig_gi = \"\"",active=0i,value=1 2000000000 class=event
		gpu_threshold,gpu_index=0,rule=r active=0i 2000000000 class=info`)
	f("of two active rules the more severe one's tags win", []Rule{
		{Name: "low", Metric: "gpu", When: "x > 1", Tags: map[string]string{"alert": "low", "a": "1"}, Severity: "info"},
		{Name: "high", Metric: "gpu", When: "x > 2", Tags: map[string]string{"alert": "high", "severity": "critical"}, Message: "do something"},
	}, `
		gpu x=2 1s
		gpu x=3 2s notes=alert=mine`, `
		gpu x=2 1000000000 notes=a=1,alert=low,severity=info
		gpu_event,code=low,event=rule,severity=info message="low: x > 1: x = 2",active=1i,value=2 1000000000 class=event
		gpu_threshold,rule=low active=1i 1000000000 class=info
		gpu_threshold,rule=high active=0i 1000000000 class=info
		gpu x=3 2000000000 notes=a=1,alert=mine,severity=critical
		gpu_event,code=high,event=rule,severity=critical message="do something: x = 3",active=1i,value=3 2000000000 class=event
		gpu_threshold,rule=high active=1i 2000000000 class=info`)
	f("a rule on samples: a result bears the state at its end", []Rule{bare("r", "x > 1")}, `
		gpu,gpu_index=0 x=1 9s
		gpu,gpu_index=0 x=2 10500ms
		gpu,gpu_index=0,window=10s x_max=1 10s origin=gpu,gpu_index=0
		gpu,gpu_index=0,part=tail,window=5s x_max=1 15s origin=gpu,gpu_index=0`, `
		gpu,gpu_index=0 x=1 9000000000
		gpu_threshold,gpu_index=0,rule=r active=0i 9000000000 class=info
		gpu,gpu_index=0 x=2 10500000000 notes=alert=r
		gpu_event,code=r,event=rule,gpu_index=0,severity=warning message="r: x > 1: x = 2",active=1i,value=2 10500000000 class=event
		gpu_threshold,gpu_index=0,rule=r active=1i 10500000000 class=info
		gpu,gpu_index=0,window=10s x_max=1 10000000000 class=result origin=gpu,gpu_index=0
		gpu,gpu_index=0,part=tail,window=5s x_max=1 15000000000 class=result notes=alert=r origin=gpu,gpu_index=0`)
	f("a rule on results is keyed by window, and its tags are on that window's results", []Rule{wait("r", "x_mean > 1", 60)}, `
		gpu,window=10s x_mean=2 10s origin=gpu
		gpu,window=60s x_mean=2 60s origin=gpu
		gpu,window=60s x_mean=2 120s origin=gpu
		gpu,part=both,window=60s x_mean=0 180s origin=gpu
		gpu,window=10s x_mean=2 120s origin=gpu
		gpu x=5 120s`, `
		gpu,window=10s x_mean=2 10000000000 class=result origin=gpu
		gpu_threshold,rule=r,rule_window=10s active=0i 10000000000 class=info
		gpu,window=60s x_mean=2 60000000000 class=result origin=gpu
		gpu_threshold,rule=r,rule_window=60s active=0i 60000000000 class=info
		gpu,window=60s x_mean=2 120000000000 class=result notes=alert=r origin=gpu
		gpu_event,code=r,event=rule,severity=warning message="r: x_mean > 1 for 1m (window 60s): x_mean = 2",active=1i,value=2 120000000000 class=event
		gpu_threshold,rule=r,rule_window=60s active=1i 120000000000 class=info
		gpu,part=both,window=60s x_mean=0 180000000000 class=result notes=alert=r origin=gpu
		gpu,window=10s x_mean=2 120000000000 class=result origin=gpu
		gpu_threshold,rule=r,rule_window=10s active=0i 120000000000 class=info
		gpu x=5 120000000000`)
	f("a result is due one window later, and only then missed", []Rule{wait("r", "x_mean > 1", 60)}, `
		gpu,window=60s/20s x_mean=2 10s origin=gpu
		gpu,window=60s/20s x_mean=2 60s origin=gpu
		gpu,window=60s/20s x_mean=2 70s origin=gpu
		gpu,window=60s/20s x_mean=2 121s origin=gpu`, `
		gpu,window=60s/20s x_mean=2 10000000000 class=result origin=gpu
		gpu_threshold,rule=r,rule_window=60s/20s active=0i 10000000000 class=info
		gpu,window=60s/20s x_mean=2 60000000000 class=result origin=gpu
		gpu,window=60s/20s x_mean=2 70000000000 class=result notes=alert=r origin=gpu
		gpu_event,code=r,event=rule,severity=warning message="r: x_mean > 1 for 1m (window 60s/20s): x_mean = 2",active=1i,value=2 70000000000 class=event
		gpu_threshold,rule=r,rule_window=60s/20s active=1i 70000000000 class=info
		gpu,window=60s/20s x_mean=2 121000000000 class=result origin=gpu
		gpu_event,code=r,event=rule,severity=info message="r is over (window 60s/20s): nothing to judge by for 50s",active=0i 120000000000 class=event
		gpu_threshold,rule=r,rule_window=60s/20s active=0i 120000000000 class=info`)
	f("fields of one window are not judged with those of another", []Rule{bare("r", `x_mean > 1 and x_max > 1 and window == "10s"`)}, `
		gpu,window=10s x_mean=2 10s origin=gpu
		gpu,window=10s x_max=2 10s origin=gpu
		gpu,window=10s x_mean=0 20s origin=gpu
		gpu,window=10s x_max=2 20s origin=gpu`, `
		gpu,window=10s x_mean=2 10000000000 class=result origin=gpu
		gpu,window=10s x_max=2 10000000000 class=result notes=alert=r origin=gpu
		gpu_event,code=r,event=rule,severity=warning message="r: x_mean > 1 and x_max > 1 and window == \"10s\" (window 10s): x_mean = 2, x_max = 2, window = \"10s\"",active=1i,value=2 10000000000 class=event
		gpu_threshold,rule=r,rule_window=10s active=1i 10000000000 class=info
		gpu,window=10s x_mean=0 20000000000 class=result notes=alert=r origin=gpu
		gpu,window=10s x_max=2 20000000000 class=result origin=gpu
		gpu_event,code=r,event=rule,severity=info message="r is over (window 10s): x_mean = 0, x_max = 2, window = \"10s\"",active=0i,value=0 20000000000 class=event
		gpu_threshold,rule=r,rule_window=10s active=0i 20000000000 class=info`)
	f("a tag wins over a field of its name", []Rule{bare("r", `mode == "a"`)}, `
		gpu,mode=a mode="b" 1s
		gpu,mode=b mode="a" 1s`, `
		gpu,mode=a mode="b" 1000000000 notes=alert=r
		gpu_event,code=r,event=rule,mode=a,severity=warning message="r: mode == \"a\": mode = \"a\"",active=1i 1000000000 class=event
		gpu_threshold,mode=a,rule=r active=1i 1000000000 class=info
		gpu,mode=b mode="a" 1000000000
		gpu_threshold,mode=b,rule=r active=0i 1000000000 class=info`)
	f("a rule on tags alone goes by its newest row, too", []Rule{bare("r", `gpu_index == "0"`)}, `
		gpu,gpu_index=0 x=1 10s
		gpu,gpu_index=0 x=1 1s
		gpu,gpu_index=0 x=1 35s`, `
		gpu,gpu_index=0 x=1 10000000000 notes=alert=r
		gpu_event,code=r,event=rule,gpu_index=0,severity=warning message="r: gpu_index == \"0\": gpu_index = \"0\"",active=1i 10000000000 class=event
		gpu_threshold,gpu_index=0,rule=r active=1i 10000000000 class=info
		gpu,gpu_index=0 x=1 1000000000
		gpu,gpu_index=0 x=1 35000000000 notes=alert=r`)
	f("results of another measurement's samples bear what is true of these", []Rule{{Name: "r", Metric: "disk", When: "x > 1", Tags: map[string]string{"full": "yes"}}}, `
		disk x=2 1s
		gpu,window=1s x_max=2 2s origin=disk
		gpu,window=1s x_max=2 2s origin=gpu`, `
		disk x=2 1000000000 notes=full=yes
		gpu_event,code=r,event=rule,severity=warning message="r: x > 1: x = 2",active=1i,value=2 1000000000 class=event
		gpu_threshold,rule=r active=1i 1000000000 class=info
		gpu,window=1s x_max=2 2000000000 class=result notes=full=yes origin=disk
		gpu,window=1s x_max=2 2000000000 class=result origin=gpu`)
	f("a rule on events", []Rule{{Name: "xid", Metric: "gpu_event", When: `event == "xid" and code in ("48", "79")`, Severity: "critical"}}, `
		gpu_event,code=31,event=xid,gpu_index=0,severity=info message="m" 1s class=event
		gpu_event,code=79,event=xid,gpu_index=0,severity=critical message="m" 2s class=event
		silence 30s`, `
		gpu_event,code=31,event=xid,gpu_index=0,severity=info message="m" 1000000000 class=event
		gpu_event,code=79,event=xid,gpu_index=0,severity=critical message="m" 2000000000 class=event
		gpu_event,code=xid,event=rule,gpu_index=0,severity=critical message="xid: event == \"xid\" and code in (\"48\", \"79\"): event = \"xid\", code = \"79\"",active=1i 2000000000 class=event
		gpu_threshold,code=79,event=xid,gpu_index=0,rule=xid,severity=critical active=1i 2000000000 class=info
		gpu_event,code=xid,event=rule,gpu_index=0,severity=info message="xid is over: nothing to judge by for 30s",active=0i 32000000000 class=event
		gpu_threshold,code=79,event=xid,gpu_index=0,rule=xid,severity=critical active=0i 32000000000 class=info`)
}

// TestClockStepsBack goes back in time after a silence: the state is told anew.
func TestClockStepsBack(t *testing.T) {
	p, b := build(t, bare("r", "x > 1")), sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	var got []string
	now := time.Unix(1e9, 0)
	for _, line := range []string{"gpu x=1 1000s", "gpu x=2 900s", "gpu x=1 1s"} {
		b.Reset()
		sdktest.Parse(t, b, line)
		if err := p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		got = append(got, sdktest.Dump(b)...)
		if line == "gpu x=2 900s" {
			for range 2 {
				b.Reset()
				if err := p.Flush(t.Context(), now, false, b); err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Minute)
			}
		}
	}
	want := sdktest.Lines(`
		gpu x=1 1000000000000
		gpu_threshold,rule=r active=0i 1000000000000 class=info
		gpu x=2 900000000000
		gpu x=1 1000000000
		gpu_threshold,rule=r active=0i 1000000000 class=info`)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// wait is bare with a time in seconds.
func wait(name, when string, seconds int) Rule {
	r := bare(name, when)
	r.For = time.Duration(seconds) * time.Second
	return r
}
