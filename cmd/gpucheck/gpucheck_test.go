package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

const second = int64(time.Second)

// TestShows counts bursts that ways with known samples show.
func TestShows(t *testing.T) {
	samples := func(every, from, to int64, busy func(at int64) float64) (all []sample) {
		for at := from; at <= to; at += every {
			all = append(all, sample{at: at, fields: map[string]float64{"utilization_ratio": busy(at)}})
		}
		return all
	}
	bursts := []burst{{10 * second, 10*second + second/50, 20}, {12*second + second/2 + 1, 12*second + second/2 + second/50, 20}, {20 * second, 20*second + second/5, 200}}
	share := func(at, period int64) (v float64) { // what the driver's sample at this time shows
		for _, b := range bursts {
			if over := min(at, b.End) - max(at-period, b.Start); over > 0 {
				v += float64(over) / float64(period)
			}
		}
		return v
	}
	f := func(w way, want string) {
		t.Helper()
		shown, all := w.shows(bursts)
		if got := fmt.Sprintf("%d/%d %d/%d", shown[20], all[20], shown[200], all[200]); got != want {
			t.Errorf("%s: %s, want %s", w.name, got, want)
		}
	}
	ring := samples(second/50, 9*second, 21*second, func(at int64) float64 { return share(at, second/50) })
	f(way{name: "rings", samples: ring, field: "utilization_ratio", reach: 20 * time.Millisecond, floor: 0.005}, "2/2 1/1")
	poll := samples(second, 9*second, 22*second, func(at int64) float64 { return share(at, second/6) })
	f(way{name: "polls", samples: poll, field: "utilization_ratio", reach: time.Second / 6, floor: 0.005}, "0/2 0/1")
	poll = samples(second, 9*second+second/10, 22*second, func(at int64) float64 { return share(at, second/6) })
	f(way{name: "lucky polls", samples: poll, field: "utilization_ratio", reach: time.Second / 6, floor: 0.005}, "1/2 1/1")
	means := samples(second, 9*second, 22*second, func(at int64) float64 { return share(at, second) })
	f(way{name: "means since the sample before", samples: means, field: "utilization_ratio", floor: 0.002}, "2/2 1/1")
	f(way{name: "nothing", field: "utilization_ratio"}, "0/2 0/1")
	if p := period(ring); p != 20*time.Millisecond {
		t.Errorf("a period of %v", p)
	}
}

func TestParse(t *testing.T) {
	smi, err := parseSMI([]byte("2026/11/26 10:00:00.500, 97, 1024, 612.25, 61, 1980\n2026/11/26 10:00:01.000, [N/A], 1025, [N/A], 61, 1980\nan error\n"))
	if err != nil || len(smi) != 2 {
		t.Fatalf("%v, %v", smi, err)
	}
	if v := smi[0].fields; v["utilization_ratio"] != 0.97 || v["memory_used_bytes"] != 1<<30 || v["clock_sm_hertz"] != 1980e6 {
		t.Errorf("%v", v)
	}
	if _, ok := smi[1].fields["power_watts"]; ok || smi[1].at-smi[0].at != second/2 {
		t.Errorf("%v", smi[1])
	}
	lines, err := parseLines([]byte("gpu,gpu_uuid=a,source=nvml power_watts=3,up=1i 2000\ngpu,gpu_uuid=b,source=nvml power_watts=9 1000\ngpu,gpu_uuid=a,source=nvml power_watts=4 1000\ngpu,gpu_in"), "a")
	if err != nil || len(lines) != 2 || lines[0].fields["power_watts"] != 4 || lines[1].source != "nvml" {
		t.Errorf("%v, %v", lines, err)
	}
	calls, err := parseCalls([]byte("gpuline,call=B nvml_call_seconds=0.5,nvml_calls_total=2 1\ngpuline,call=A nvml_call_seconds=2,nvml_calls_total=9 1\n" +
		"gpuline,call=B nvml_call_seconds=3,nvml_calls_total=8 2\ngpuline,plugin=x rows=1 2\ngpuline,call=B,window=10s nvml_call_seconds_mean=7 3\n"))
	if err != nil || len(calls) != 2 || calls[0] != (call{"B", 8, 3}) || calls[1] != (call{"A", 9, 2}) {
		t.Errorf("%v, %v", calls, err)
	}
}

func TestAgree(t *testing.T) {
	at := func(source string, util, power float64) sample {
		return sample{source: source, fields: map[string]float64{
			"utilization_ratio": util, "power_watts": power, "memory_used_bytes": 1 << 30, "temperature_celsius": 60, "clock_sm_hertz": 1.9e9,
		}}
	}
	f := func(want string, all ...sample) {
		t.Helper()
		var report strings.Builder
		err := agree([]sample{at("", 0.99, 600)}, all, func(format string, args ...any) { fmt.Fprintf(&report, format+"\n", args...) })
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q\n%s", err, want, report.String())
		}
	}
	f("", at("nvml", 1, 610), at("nvidia_smi", 0.98, 595))
	f("power_watts of nvml", at("nvml", 1, 700), at("nvidia_smi", 0.98, 595))
	f("utilization_ratio of nvidia_smi", at("nvml", 1, 610))
}

func TestOwnFamily(t *testing.T) {
	if all := family(os.Getpid()); len(all) == 0 || all[0] != os.Getpid() {
		t.Errorf("%v", all)
	}
	for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		_ = math.Sqrt(float64(time.Now().UnixNano()))
	}
	if v := cpu(os.Getpid()); v <= 0 {
		t.Errorf("%v s used", v)
	}
	if pss, anonymous := memory(os.Getpid()); pss <= 0 || anonymous <= 0 {
		t.Errorf("%v and %v bytes", pss, anonymous)
	}
}
