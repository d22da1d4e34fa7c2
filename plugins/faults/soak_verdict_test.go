//go:build soak

package faults

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// members are the processes of an agent.
var members = []string{"agent", "child", "energy", "webhook", "pressure"}

// flat compares the last third with the one before. In 15 minutes memory rises by a
// fifth where schemas stay for ever, and by a twentieth where they leave.
func (s *soak) flat(t *testing.T) {
	third := len(s.used) / 3
	second, last := s.used[third:2*third], s.used[2*third:]
	f := func(what string, ratio, more float64, of func(u *usage) (float64, bool)) {
		t.Helper()
		before, after := median(second, of), median(last, of)
		t.Logf("%s: %.0f, then %.0f", what, before, after)
		if after > before*ratio+more {
			t.Errorf("%s grows: %.0f in the second third, %.0f in the last", what, before, after)
		}
	}
	for _, name := range members {
		process := func(take func(o occupied) int) func(u *usage) (float64, bool) {
			return func(u *usage) (float64, bool) {
				o, ok := u.processes[name]
				return float64(take(o)), ok
			}
		}
		f(name+": anonymous memory, KiB", 1.1, 1024, process(func(o occupied) int { return o.anonymous }))
		f(name+": threads", 1, 2, process(func(o occupied) int { return o.threads }))
		f(name+": open files", 1, 2, process(func(o occupied) int { return o.files }))
	}
	figure := func(name string) func(u *usage) (float64, bool) {
		return func(u *usage) (float64, bool) {
			v, ok := u.page[name]
			return v, ok
		}
	}
	f("series", 1.2, 0, figure("gpuline_series"))
	f("schemas", 1.2, 0, figure("gpuline_schemas"))
	f("lines of the page", 1.2, 0, func(u *usage) (float64, bool) { return float64(u.lines), true })
	f("goroutines", 1, 5, func(u *usage) (float64, bool) { return float64(u.goroutines), true })
	s.table(t)
}

// table logs what the agent took at some moments, the last of them a minute before the end.
func (s *soak) table(t *testing.T) {
	t.Helper()
	for _, at := range []time.Duration{time.Minute, 10 * time.Minute, 30 * time.Minute, *length - time.Minute} {
		var around []usage
		for _, u := range s.used {
			if u.at > at-30*time.Second && u.at < at+30*time.Second {
				around = append(around, u)
			}
		}
		if at > *length || len(around) == 0 {
			continue
		}
		var b strings.Builder
		for _, name := range members {
			of := func(take func(o occupied) int) float64 {
				return median(around, func(u *usage) (float64, bool) {
					o, ok := u.processes[name]
					return float64(take(o)) / 1024, ok
				})
			}
			fmt.Fprintf(&b, "%s %.1f (%.1f) MiB, ", name, of(func(o occupied) int { return o.anonymous }), of(func(o occupied) int { return o.pss }))
		}
		u := &around[len(around)-1]
		t.Logf("after %v: anonymous memory (PSS): %s%d goroutines, %.0f series, %.1f %% of a core", at, b.String(), u.goroutines, u.page["gpuline_series"], 100*u.cpu()/u.at.Seconds())
	}
}

// profile keeps what the agent holds now, for go tool pprof, which compares two moments by -diff_base: see go help
// testflag, -artifacts.
func (s *soak) profile(moment string) {
	for _, what := range []string{"heap", "goroutine"} {
		answer, err := client.Get("http://" + s.debug + "/debug/pprof/" + what + "?gc=1")
		if err != nil {
			s.t.Error(err)
			continue
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err == nil {
			err = os.WriteFile(filepath.Join(s.t.ArtifactDir(), what+"-"+moment+".pprof"), text, 0o600)
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// account compares what the agent has counted, at rest, with what its far ends hold.
func (s *soak) account(t *testing.T) {
	page, _, err := figures("http://" + s.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	of := func(name, output string) uint64 { return uint64(page[figure(name, output)]) }
	delivered := uint64(0)
	for _, o := range outputs {
		delivered += of("delivered_total", o)
		if sum := of("absorbed_total", o) + of("filtered_total", o) + of("delivered_total", o); of("offered_total", o) != sum || sum == 0 {
			t.Errorf("%s: %d were offered, of which %d are accounted for", o, of("offered_total", o), sum)
		}
		if of("offered_total", o) != of("offered_total", outputs[0]) {
			t.Errorf("%s was offered %d, %s %d", o, of("offered_total", o), outputs[0], of("offered_total", outputs[0]))
		}
	}
	f := func(sink string, held map[string]int, output string) {
		t.Helper()
		again, missing := 0, 0
		for note, times := range s.world.notes {
			again += times - 1
			if held[note] == 0 {
				if missing++; missing == 1 {
					t.Errorf("%s lacks %s", sink, note)
				}
			}
		}
		t.Logf("%s: %d rows, %d of them twice; %d of %d notes are missing, %d were sent again", sink, len(held), twice(held), missing, len(s.world.notes), again)
		// A note that is sent again may be delivered twice.
		if n := of("delivered_total", output); uint64(len(held)) > n || uint64(len(held)+again) < n {
			t.Errorf("%s holds %d rows, %d were delivered", sink, len(held), n)
		}
	}
	f("the database", s.db.held(), "outputs.influxdb")
	f("the stream", stored(t, s.stream), "outputs.nats")
	if n := of("delivered_total", "outputs.external"); n != s.world.told() {
		t.Errorf("%d events were delivered, the chat has %d", n, s.world.told())
	}
	s.agent.stop()
	lines := strings.Split(strings.TrimSpace(s.agent.log.String()), "\n")
	ledger := lines[len(lines)-1]
	t.Log(ledger)
	if !strings.HasSuffix(ledger, " queued=0 balance=ok") || !strings.Contains(ledger, fmt.Sprintf(" delivered=%d ", delivered)) {
		t.Errorf("%d were delivered", delivered)
	}
}
