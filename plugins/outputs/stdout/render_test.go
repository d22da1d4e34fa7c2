package stdout

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

var update = flag.Bool("update", false, "write testdata anew")

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// feed takes lines into a board at the time of their newest.
func feed(t testing.TB, bd *board, catalog *sdk.Catalog, now time.Time, lines string) {
	t.Helper()
	bd.take(sdktest.Batch(t, catalog, lines), now)
}

func tags(index int, more string) string {
	return fmt.Sprintf("gpu,gpu_index=%d,gpu_name=NVIDIA\\ H100\\ 80GB\\ HBM3,gpu_uuid=GPU-%d,host=dgx-1%s", index, index, more)
}

// samples are a minute of eight GPUs at one sample a second, with a spike each.
func samples(source string) string {
	var b strings.Builder
	for second := range 60 {
		at := noon.Add(time.Duration(second-60) * time.Second).UnixNano()
		for i := range 8 {
			use := 0.1*float64(i) + 0.15 + 0.1*math.Sin(float64(second)/4+float64(i))
			if second == 20+4*i {
				use = 1
			}
			fmt.Fprintf(&b, "%s up=1i,utilization_ratio=%.2f,power_watts=%.1f,power_limit_watts=700,memory_used_bytes=%di,memory_total_bytes=85520809984i,temperature_celsius=%d,clock_sm_hertz=1980000000i,throttle_reasons=%di,throttle_sw_power_seconds:counter=%.2f,throttle_hw_thermal_seconds:counter=%.2f %d\n",
				tags(i, ",source="+source), max(use, 0), 80+620*use, int64(i+2)*9_000_000_000, 40+6*i, reasonsOf(i), float64(second*i)*0.05, float64(second)*0.02*float64(i/7), at)
		}
	}
	return b.String()
}

func reasonsOf(i int) int {
	switch i {
	case 0:
		return 1
	case 5:
		return 4
	case 6:
		return 0x48
	}
	return 0
}

func results(source string) string {
	var b strings.Builder
	for window := range 6 {
		at := noon.Add(time.Duration(10*window-50) * time.Second).UnixNano()
		for i := range 8 {
			fmt.Fprintf(&b, "%s utilization_ratio_mean=%.3f,utilization_ratio_max=%.2f,utilization_ratio_above_seconds=%.1f,power_watts_mean=%.1f,power_watts_max=%.1f,power_limit_watts_mean=700,memory_used_bytes_mean=%d,memory_used_bytes_max=%di,memory_total_bytes_mean=85520809984,temperature_celsius_mean=%.1f,temperature_celsius_max=%d,clock_sm_hertz_mean=1975000000,throttle_sw_power_seconds_rate=%.3f %d class=result\n",
				tags(i, ",source="+source+",window=10s"), 0.1*float64(i)+0.05, min(0.12*float64(i)+0.08*float64(window), 1), float64(i)/2, 90+70*float64(i), 100+80*float64(i), int64(i+2)*9_000_000_000, int64(i+2)*9_000_000_000, 40.5+6*float64(i), 41+6*i, 0.01*float64(i), at)
		}
	}
	return b.String()
}

const events = `
	gpu_event,code=79,event=xid,gpu_index=3,gpu_uuid=GPU-3,severity=critical message="XID 79: GPU has fallen off the bus" 1772625590000000000 class=event
	gpu_event,code=hw_thermal,event=throttle,gpu_index=6,gpu_uuid=GPU-6,severity=warning message="clocks held back" 1772625580000000000 class=event
	gpu_event,event=found,gpu_index=2,gpu_uuid=GPU-2,severity=info message="it\u001b[2J answers\nagain" 1772625595000000000 class=event
`

// boards are what the drawings in testdata are of.
func boards(t testing.TB) map[string]*board {
	t.Helper()
	all := make(map[string]*board)
	add := func(name string, now time.Time, lines ...string) *board {
		bd, catalog := newBoard(), sdk.NewCatalog(sdk.Limits{})
		bd.host = "dgx-1"
		for _, l := range lines {
			feed(t, bd, catalog, now, l)
		}
		all[name] = bd
		return bd
	}
	full := add("full", noon, samples("nvml"), results("nvml"), events)
	full.cpu, full.resident = 0.0034, 22<<20
	add("samples", noon, samples("nvidia_smi"))
	add("results", noon, results("nvidia_smi"))
	simulated := add("simulated", noon, samples("simulated"), results("simulated"))
	simulated.served = []string{"http://127.0.0.1:9445/metrics"}
	add("lost", noon, samples("nvml"), results("nvml"), tags(3, ",source=nvml")+" up=0i 1772625599000000000", events)
	add("idle", noon.Add(-time.Minute), samples("nvml"))
	add("waiting", noon)
	add("others", noon, "inference,model=a latency_seconds=0.1 1s")
	add("mig", noon, tags(0, ",source=nvml")+` up=1i,power_watts=300,memory_used_bytes=20000000000i,memory_total_bytes=85520809984i 1772625599000000000
		`+tags(0, ",source=nvml,mig_gi=2,mig_ci=0")+` memory_used_bytes=8000000000i,memory_total_bytes=10737418240i 1772625599000000000
		`+tags(0, ",source=nvml,mig_gi=1,mig_ci=0")+` memory_used_bytes=10000000000i,memory_total_bytes=10737418240i 1772625599000000000
		`+tags(10, ",source=nvml")+` up=1i,power_watts=90 1772625599000000000
		`+tags(9, ",source=nvml")+` up=1i,power_watts=80 1772625599000000000`)
	add("hosts", noon, strings.ReplaceAll(samples("nvml"), "dgx-1", "a")+strings.ReplaceAll(samples("nvidia_smi"), "dgx-1", "b-with-a-long-name-of-a-host"))
	return all
}

func TestDrawings(t *testing.T) {
	all := boards(t)
	f := func(name string, v view) {
		t.Helper()
		file := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d", name, v.width, v.height))
		if v.colour {
			file += "-colour"
		}
		if v.brief {
			file += "-brief"
		}
		got := render(all[name], v, noon)
		if *update {
			if err := os.WriteFile(file+".txt", got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", file, diff)
		}
	}
	f("full", view{width: 220})
	f("full", view{width: 160, height: 40, colour: true})
	f("full", view{width: 120, height: 24})
	f("full", view{width: 80, height: 24})
	f("full", view{width: 40, height: 8})
	f("full", view{width: 160, brief: true, after: 2})
	f("samples", view{width: 120})
	f("results", view{width: 140})
	f("simulated", view{width: 100, height: 24, colour: true})
	f("simulated", view{width: 100, brief: true})
	f("simulated", view{width: 100, height: 11})
	f("simulated", view{width: 160, height: 40})
	f("lost", view{width: 120, height: 30})
	f("idle", view{width: 120})
	f("waiting", view{width: 80})
	f("others", view{width: 80})
	f("mig", view{width: 120})
	f("hosts", view{width: 160})
}

// Whatever the size, a drawing stays within it.
func TestDrawingsFit(t *testing.T) {
	for name, bd := range boards(t) {
		for width := 1; width < 260; width += 1 + width/40 {
			for _, height := range []int{0, 1, 2, 3, 5, 8, 13, 24, 50} {
				text := render(bd, view{width: width, height: height}, noon)
				if !utf8.Valid(text) {
					t.Fatalf("%s at %d×%d is no UTF-8", name, width, height)
				}
				if n := bytes.Count(text, []byte("\n")); height > 3 && n > height {
					t.Fatalf("%s at %d×%d has %d lines:\n%s", name, width, height, n, text)
				}
				for line := range bytes.Lines(text) {
					line = bytes.TrimSuffix(line, []byte("\n"))
					if n := utf8.RuneCount(line); n > width {
						t.Fatalf("%s at %d×%d: a line of %d:\n%s", name, width, height, n, text)
					}
					if bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
						t.Fatalf("%s at %d×%d: control characters in %q", name, width, height, line)
					}
				}
			}
		}
	}
}
