package isolate_test

import (
	"log/slog"
	"strings"
	"syscall"
	"testing"
)

var discard = slog.New(slog.DiscardHandler)

func TestFiguresAreMirrored(t *testing.T) {
	r := newRig(t, &probeConfig{Play: []string{":count"}}).open()
	const calls, level = "gpuline_probe_calls_total", "gpuline_probe_level_seconds"
	var row int64
	last := 0.0
	for child := range 3 {
		r.wantCounts(&row, 20)
		r.await("figures of the child", func() bool { return r.figure(calls) >= last+20 && r.figure(level) >= 20 })
		if r.figure(level) > r.figure(calls) || child > 0 && r.figure(level) >= r.figure(calls) {
			t.Errorf("level %v of child %d, %v calls of all", r.figure(level), child, r.figure(calls))
		}
		c, _ := r.child()
		if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.readErrorCounting(&row)
		now := r.figure(calls)
		if now < last {
			t.Errorf("the counter fell from %v to %v", last, now)
		}
		last = now
	}
	r.wantCounts(&row, 20)
	r.await("processor time and memory", func() bool {
		return r.figure("gpuline_child_cpu_seconds_total") > 0 && r.figure("gpuline_child_resident_bytes") > 1<<20
	})
	for total := range r.env.Meter.Totals() {
		if total.Name == calls && (total.Help != "Calls." || len(total.Tags) != 1 || total.Tags[0].Value != "x") {
			t.Errorf("the definition has changed on its way: %+v", total)
		}
		if total.Name == level && total.Unit != "seconds" {
			t.Errorf("the unit has changed on its way: %+v", total)
		}
	}
}

func TestLogArrives(t *testing.T) {
	r := newRig(t, &probeConfig{Open: ":log watch out"}).open()
	r.wantLog(`level=WARN msg="watch out" n=7 f=1.5 ok=true d=2s err="x\ny" at="[\"a\"]"`, "level=INFO msg=\"probe is open\"")
	if strings.Contains(r.log.String(), "too quiet") {
		t.Error("a debug message came through")
	}
}

func TestPrintedTextIsLimited(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	r := newRig(t, &probeConfig{Open: ":complain " + long, Play: []string{":complain noise;:count"}}).open()
	var row int64
	r.wantCounts(&row, 100)
	r.wantLog(strings.Repeat("x", 1000))
	if n := len(r.log.String()); n > 10_000 || strings.Count(r.log.String(), "printed something") > 20 {
		t.Errorf("%d bytes of log", n)
	}
}
