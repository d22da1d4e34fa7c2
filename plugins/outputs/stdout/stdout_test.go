package stdout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestContract(t *testing.T) {
	for _, format := range []string{"influx", "json", "table"} {
		t.Run(format, func(t *testing.T) {
			sdktest.TestOutput(t, func(t testing.TB) sdk.Output {
				s, err := NewOn(&Config{Format: format}, io.Discard)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

func TestDefinition(t *testing.T) {
	d := Definition()
	if diff := cmp.Diff(&Config{Format: "influx"}, d.NewConfig()); diff != "" {
		t.Errorf("defaults: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"required": false, "flush_interval": "0s"}, d.Common); diff != "" {
		t.Errorf("common: -want +got\n%s", diff)
	}
	if _, err := New(&Config{Format: "xml"}); err == nil {
		t.Error("an unknown format was taken")
	}
}

// write returns what a batch of the lines is written as.
func write(t *testing.T, format, lines string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	s, err := NewOn(&Config{Format: format}, &out)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Write(t.Context(), sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), lines))
	return out.String(), err
}

func TestLines(t *testing.T) {
	f := func(format, line, want string) {
		t.Helper()
		got, err := write(t, format, line)
		if err != nil || got != want {
			t.Errorf("%s %s:\n%s, %v\nwant\n%s", format, line, got, err, want)
		}
	}
	f("influx", "gpu,i=0 a=1.5,b=2i 3s notes=alert=hot", "gpu,alert=hot,i=0 a=1.5,b=2i 3000000000\n")
	f("json", "gpu,i=0 a=1.5,b=2i,c=3u,d=true,e=\"x\" 3s", `{"name":"gpu","tags":{"i":"0"},"fields":{"a":1.5,"b":2,"c":3,"d":true,"e":"x"},"time":3000000000,"class":"sample"}`+"\n")
	f("json", "gpu a=NaN,b=+Inf,c=-1e-9 -5", `{"name":"gpu","tags":{},"fields":{"c":-1e-09},"time":-5,"class":"sample"}`+"\n")
	f("json", "gpu - 5 class=info", `{"name":"gpu","tags":{},"fields":{},"time":5,"class":"info"}`+"\n")
	f("json", "gpu,i=0 a=1 1 class=result notes=alert=hot,i=9", `{"name":"gpu","tags":{"i":"0","alert":"hot"},"fields":{"a":1},"time":1,"class":"result"}`+"\n")
	f("json", "gpu a=1 1 notes=alert=hot", `{"name":"gpu","tags":{"alert":"hot"},"fields":{"a":1},"time":1,"class":"sample"}`+"\n")
	f("json", `g"p,t\\=a\nb s="q\"\\\t\r\u0001é",u=18446744073709551615u 1 class=event`, `{"name":"g\"p","tags":{"t\\":"a\nb"},"fields":{"s":"q\"\\\t\r\u0001é","u":18446744073709551615},"time":1,"class":"event"}`+"\n")
}

func TestRowsThatCannotBeWritten(t *testing.T) {
	got, err := write(t, "influx", "gpu a=1 1\n gpu a=NaN 2\n gpu a=3 3")
	var partial *sdk.PartialError
	if got != "gpu a=1 1\ngpu a=3 3\n" || !errors.As(err, &partial) || !cmp.Equal(partial.Rejected, []int{1}) {
		t.Errorf("%q, %v", got, err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestBrokenPipe(t *testing.T) {
	f := func(failure error, permanent bool) {
		t.Helper()
		s, err := NewOn(&Config{Format: "json"}, brokenWriter{failure})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Write(t.Context(), sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), "gpu a=1 1"))
		if !errors.Is(err, failure) || errors.Is(err, sdk.ErrEnd) != permanent {
			t.Errorf("%v: error %v", failure, err)
		}
	}
	f(&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}, true)
	f(os.ErrClosed, true)
	f(syscall.EAGAIN, false)
	f(syscall.ENOSPC, false)
}

func TestJSONAllocatesNothing(t *testing.T) {
	s, b := newBench(t, "json")
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per batch, want none", n)
	}
}

func newBench(tb testing.TB, format string) (*Stdout, *sdk.Batch) {
	tb.Helper()
	s, err := NewOn(&Config{Format: format}, io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	return s, sdktest.Batch(tb, sdk.NewCatalog(sdk.Limits{}), samples("nvml"))
}

func benchmark(bm *testing.B, format string) {
	s, b := newBench(bm, format)
	bm.ReportAllocs()
	for bm.Loop() {
		if err := s.Write(context.Background(), b); err != nil {
			bm.Fatal(err)
		}
	}
	bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N*b.Len()), "ns/metric")
}

func BenchmarkWriteInflux(bm *testing.B) { benchmark(bm, "influx") }
func BenchmarkWriteJSON(bm *testing.B)   { benchmark(bm, "json") }
func BenchmarkWriteTable(bm *testing.B)  { benchmark(bm, "table") }

func BenchmarkRender(bm *testing.B) {
	bd := boards(bm)["full"]
	bm.ReportAllocs()
	for bm.Loop() {
		render(bd, view{width: 160, height: 40, colour: true}, noon)
	}
}

// desk is a table with a writer that shows what was drawn since the last look.
type desk struct {
	*Stdout
	t       *testing.T
	out     bytes.Buffer
	catalog *sdk.Catalog
}

func newDesk(t *testing.T, refresh time.Duration, terminal bool) *desk {
	t.Helper()
	d := &desk{t: t, catalog: sdk.NewCatalog(sdk.Limits{})}
	s, err := NewOn(&Config{Format: "table", Refresh: refresh}, &d.out)
	if err != nil {
		t.Fatal(err)
	}
	if terminal {
		s.table.screen = screen{terminal: true, size: func() (int, int, bool) { return 100, 10, true }}
	}
	env := sdktest.Env(t, d.catalog)
	seconds := 0.0
	env.Totals = func() iter.Seq[sdk.Total] {
		seconds += 0.02
		return func(yield func(sdk.Total) bool) {
			_ = yield(sdk.Total{Name: "gpuline_cpu_seconds_total", Value: seconds / 2}) && yield(sdk.Total{Name: "gpuline_resident_bytes", Value: 1 << 23}) &&
				yield(sdk.Total{Name: "gpuline_child_cpu_seconds_total", Value: seconds / 2}) && yield(sdk.Total{Name: "gpuline_child_resident_bytes", Value: 1 << 23})
		}
	}
	env.Served = func() []string { return []string{"http://h:1/metrics"} }
	if err := s.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	d.Stdout = s
	return d
}

// write writes lines after a pause, and returns how many drawings that brought, and the last one.
func (d *desk) write(pause time.Duration, lines string) (drawings int, text string) {
	d.t.Helper()
	time.Sleep(pause)
	d.out.Reset()
	if err := d.Write(d.t.Context(), sdktest.Batch(d.t, d.catalog, lines)); err != nil {
		d.t.Fatal(err)
	}
	text = d.out.String()
	return min(len(text), 1), text
}

func TestTerminalIsRedrawnInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 0, true)
		drawn := 0
		var text string
		for range 50 {
			n, last := d.write(100*time.Millisecond, "gpu,gpu_index=0 utilization_ratio=0.5,up=1i 1s")
			drawn += n
			if n > 0 {
				text = last
			}
		}
		if drawn < 15 || drawn > 20 {
			t.Errorf("%d drawings in 5 s", drawn)
		}
		if !strings.Contains(text, "http://h:1/metrics") {
			t.Errorf("the table does not say where the page of metrics is:\n%s", text)
		}
		if !strings.HasPrefix(text, home+"gpuline") || !strings.HasSuffix(text, clearDown) || strings.Contains(text, clearAll) {
			t.Errorf("drawing %q", text)
		}
		if n := strings.Count(text, "\n"); n != strings.Count(text, clearLine+"\n") || n > 9 {
			t.Errorf("%d lines, not all of them cleared: %q", n, text)
		}
		if !strings.Contains(text, "agent 2.0% CPU 16 MiB") && !strings.Contains(text, "agent 1.") {
			t.Errorf("no cost in %q", text)
		}
		d.write(10*time.Millisecond, "gpu,gpu_index=0 utilization_ratio=0.75,up=1i 2s")
		d.out.Reset()
		if err := d.Close(); err != nil || !strings.Contains(d.out.String(), "75%") {
			t.Errorf("at the end %q, %v", d.out.String(), err)
		}
	})
}

func TestFirstDrawingClearsTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 0, true)
		if _, text := d.write(time.Second, "gpu,gpu_index=0 up=1i 1s"); !strings.HasPrefix(text, home+clearAll) {
			t.Errorf("drawing %q", text)
		}
	})
}

func TestPipeGetsABlockAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 0, false)
		d.write(time.Second, "gpu,gpu_index=0 utilization_ratio=0.1,up=1i 1s\n gpu,gpu_index=1 utilization_ratio=0.1,up=1i 1s")
		f := func(pause time.Duration, lines string, want int, has string) {
			t.Helper()
			n, text := d.write(pause, lines)
			if n != want || !strings.Contains(text, has) || strings.Contains(text, "\x1b") {
				t.Errorf("%d drawings, want %d with %q: %q", n, want, has, text)
			}
		}
		both := "gpu,gpu_index=0,window=10s utilization_ratio_mean=0.25 %s class=result\n gpu,gpu_index=1,window=10s utilization_ratio_mean=0.5 %s class=result"
		f(time.Second, "gpu,gpu_index=0 utilization_ratio=0.1,up=1i 2s", 0, "")
		f(8*time.Second, strings.ReplaceAll(both, "%s", "10s"), 1, "now mean peak") // a column more: a heading again
		f(9*time.Second, "gpu,gpu_index=0 utilization_ratio=0.2 19s", 0, "")
		f(time.Second, "gpu,gpu_index=0,window=10s utilization_ratio_mean=0.3 20s class=result", 0, "") // the other is still to come
		f(100*time.Millisecond, "gpu,gpu_index=1,window=10s utilization_ratio_mean=0.4 20s class=result", 1, "40%")
		f(10*time.Second, "gpu,gpu_index=0,window=10s utilization_ratio_mean=0.6 30s class=result", 0, "")
		f(400*time.Millisecond, "gpu,gpu_index=0 utilization_ratio=0.2 30s", 1, "60%") // and did not come
		f(10*time.Second, "gpu_event,event=xid,code=79,gpu_index=0,severity=critical message=\"m\" 40s class=event\n"+strings.ReplaceAll(both, "%s", "40s"), 1, "xid 79 critical  m")
		n, text := d.write(10*time.Second, strings.ReplaceAll(both, "%s", "50s"))
		if n != 1 || strings.Contains(text, "xid") || strings.Contains(text, "UTILISATION") {
			t.Errorf("%d drawings, the last with events or a heading that were written before: %q", n, text)
		}
	})
}

func TestPipeGetsABlockNowAndThenOfSamplesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := func(refresh time.Duration, want int) {
			t.Helper()
			d, drawn := newDesk(t, refresh, false), 0
			for range 60 {
				n, _ := d.write(time.Second, "gpu,gpu_index=0 utilization_ratio=0.5,up=1i 1s")
				drawn += n
			}
			if drawn != want {
				t.Errorf("refresh %v: %d blocks in a minute, want %d", refresh, drawn, want)
			}
		}
		f(0, 6)
		f(20*time.Second, 3)
	})
}

func TestScreen(t *testing.T) {
	f := func(env map[string]string, wantWidth int) {
		t.Helper()
		s := screenOf(new(bytes.Buffer), func(key string) string { return env[key] })
		width, height := s.measure()
		if s.terminal || s.colour || width != wantWidth || height != 0 {
			t.Errorf("%v: %d×%d, terminal %v, colour %v", env, width, height, s.terminal, s.colour)
		}
	}
	f(nil, 160)
	f(map[string]string{"COLUMNS": "72"}, 72)
	f(map[string]string{"COLUMNS": "x"}, 160)
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if s := screenOf(file, func(string) string { return "" }); s.terminal {
		t.Error("a file is taken for a terminal")
	}
}

func TestWindowsNotSeenWholeGiveWay(t *testing.T) {
	bd, catalog := newBoard(), sdk.NewCatalog(sdk.Limits{})
	f := func(more string, v, want float64) {
		t.Helper()
		feed(t, bd, catalog, noon, fmt.Sprintf("gpu,gpu_index=0%s,window=10s utilization_ratio_mean=%v 1s class=result", more, v))
		if got := bd.gpus[0].values[use][mean]; got != want {
			t.Errorf("mean %v, want %v", got, want)
		}
	}
	f(",part=head", 0.1, 0.1)
	f("", 0.2, 0.2)
	f(",part=tail", 0.3, 0.2)
	f("", 0.4, 0.4)
}

// TestRemnantOfAWindow: the end of the agent leaves a window of an instant, which tells less than the one before it.
func TestRemnantOfAWindow(t *testing.T) {
	f := func(want float64, results ...string) {
		t.Helper()
		bd, catalog := newBoard(), sdk.NewCatalog(sdk.Limits{})
		for _, r := range results {
			feed(t, bd, catalog, noon, "gpu,gpu_index=0,window=10s,"+r+" class=result")
		}
		if got := bd.gpus[0].values[use][mean]; got != want {
			t.Errorf("%v: mean %v, want %v", results, got, want)
		}
	}
	f(0.1, "part=head utilization_ratio_mean=0.1 1s", "part=tail utilization_ratio_mean=0.2 11s")
	f(0.2, "part=tail utilization_ratio_max=0.3 11s", "part=tail utilization_ratio_mean=0.2 11s")
	f(0.3, "part=both utilization_ratio_mean=0.3 1s")
}

func TestThrottleTimes(t *testing.T) {
	bd, catalog := newBoard(), sdk.NewCatalog(sdk.Limits{})
	f := func(line, want string) {
		t.Helper()
		feed(t, bd, catalog, noon, "gpu,gpu_index=0"+line)
		if got := throttled(bd.gpus[0]); got != want {
			t.Errorf("after %s: %q, want %q", line, got, want)
		}
	}
	f(" up=1i 1s", "–")
	f(" throttle_reasons=1i 1s", "no")
	f(" throttle_reasons=4i 1s", "sw power")
	f(" throttle_reasons=12i 1s", "hw slowdown, sw power")
	f(" throttle_reasons=200i 1s", "hw thermal, power brake")
	f(" throttle_reasons=0i,throttle_sw_power_seconds=5 2s", "no")
	f(" throttle_sw_power_seconds=5.25 2500ms", "no") // too short to tell
	f(" throttle_sw_power_seconds=5.5 3s", "sw power 50%")
	f(" throttle_sw_power_seconds=1 4s", "sw power 50%") // reset
	f(" throttle_sw_power_seconds=1 5s", "no")
	f(",window=10s throttle_sw_power_seconds_rate=0.2 6s class=result", "sw power 20%")
	f(" throttle_sw_power_seconds=2 7s", "sw power 20%") // windows know better
	f(" up=0i 8s", "–")
}

func TestHistory(t *testing.T) {
	var h history
	if h.span(10) != 0 || has(h.max()) {
		t.Error("an empty history has a span or a maximum")
	}
	for i := range int64(300) {
		h.add(i*1e9, float64(i%50))
		h.add(i*1e9+5e8, 0)
	}
	h.add(5e9, 1000) // long past
	if h.n != sparkMax || h.at(0) != (point{299, 49}) || h.at(sparkMax-1) != (point{180, 30}) || h.max() != 49 || h.span(60) != 60 {
		t.Errorf("history %+v", h)
	}
}

func TestBar(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := bar(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	f(0, "▁")
	f(0.5, "▅")
	f(0.99, "█")
	f(1, "█")
	f(7, "█")
	f(-1, "▁")
	f(math.NaN(), "▁")
}
