package nvidiasmi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func pollOf(t testing.TB, mode, scenario string, change ...func(*Config)) *Poll {
	c := testConfig()
	c.Mode = mode
	c.BinPath = childtest.Program(t, scenario)
	c.InfoInterval = 0
	for _, f := range change {
		f(c)
	}
	return newPoll(c)
}

func TestPoll(t *testing.T) {
	f := func(mode, scenario string, rows int, wantErr ...string) {
		t.Helper()
		t.Run(mode+"/"+scenario, func(t *testing.T) {
			p := pollOf(t, mode, scenario)
			open(t, p)
			b := newBatch()
			err := p.Gather(t.Context(), b)
			if (err != nil) != (len(wantErr) > 0) {
				t.Errorf("error %v, want one with %q", err, wantErr)
			}
			for _, w := range wantErr {
				if err != nil && !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
			if got := byUUID(t, b, vocabulary.GPU); len(got) != rows {
				t.Errorf("%d rows, want %d:\n%s", len(got), rows, describe(b))
			}
		})
	}
	f("query", "normal", 3)
	f("query", "old", 3)
	f("query", "mute", 3)
	f("query", "noise", 3)
	f("query", "grandchild", 3)
	f("query", "no driver", 0, "status 9", "modprobe")
	f("query", "no library", 0, "status 12")
	f("xml", "normal", 3)
	f("xml", "torn", 2, "too early")
	f("xml", "no driver", 0, "status 9", "modprobe")
	f("xml", "blocked", 0, "status 15", "fallen off the bus")
}

// TestPollFailing checks that GPUs that were there are lost once nvidia-smi says so twice.
func TestPollFailing(t *testing.T) {
	f := func(mode, failing string) {
		t.Helper()
		t.Run(mode+"/"+failing, func(t *testing.T) {
			p := pollOf(t, mode, "normal")
			open(t, p)
			b := newBatch()
			gather := func(scenario string) (ups []float64, events map[string]int) {
				childtest.Play(t, scenario)
				b.Reset()
				if scenario == "normal" {
					p.asker.retry() // as after a minute
				}
				_ = p.Gather(t.Context(), b)
				for _, m := range byUUID(t, b, vocabulary.GPU) {
					v, _ := m.Number("up")
					ups = append(ups, v)
				}
				return ups, count(b)
			}
			expect := func(scenario string, rows int, up float64, event string) {
				t.Helper()
				ups, events := gather(scenario)
				if len(ups) != rows || events["event lost"] != map[bool]int{true: 3}[event == "lost"] || events["event found"] != map[bool]int{true: 3}[event == "found"] {
					t.Errorf("%s: up %v, events %v", scenario, ups, events)
				}
				for _, v := range ups {
					if v != up {
						t.Errorf("%s: up %v, want %v", scenario, ups, up)
					}
				}
			}
			expect("normal", 3, 1, "")
			expect(failing, 0, 0, "")
			expect(failing, 3, 0, "lost")
			expect(failing, 3, 0, "")
			expect("normal", 3, 1, "found")
		})
	}
	for _, mode := range []string{"query", "xml"} {
		for _, failing := range []string{"no driver", "no gpu", "nobody", "unreadable", "unreadable, no failure"} {
			f(mode, failing)
		}
	}
}

// TestPollSkipped checks that a GPU that nvidia-smi leaves out takes no other one's index away, and is lost.
func TestPollSkipped(t *testing.T) {
	f := func(mode string, scenarios, want []string) {
		t.Helper()
		t.Run(mode, func(t *testing.T) {
			p := pollOf(t, mode, scenarios[0])
			open(t, p)
			b := newBatch()
			for i, scenario := range scenarios {
				childtest.Play(t, scenario)
				b.Reset()
				if err := p.Gather(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				var got []string
				for uuid, m := range byUUID(t, b, vocabulary.GPU) {
					up, _ := m.Number("up")
					got = append(got, fmt.Sprint(uuid[len(uuid)-1:], "=", m.Tag("gpu_index"), map[float64]string{0: "-"}[up]))
				}
				slices.Sort(got)
				if strings.Join(got, " ") != want[i] {
					t.Errorf("gather %d: %v, want %s", i, got, want[i])
				}
			}
		})
	}
	for _, mode := range []string{"query", "xml"} {
		f(mode, []string{"skips", "normal"}, []string{"0=0 2=2", "0=0 1=1 2=2"})
		f(mode, []string{"normal", "skips", "skips", "skips"}, []string{"0=0 1=1 2=2", "0=0 2=2", "0=0 1=1- 2=2", "0=0 1=1- 2=2"})
	}
	// It says nothing of the one that is left out.
	f("xml", []string{"skips in silence", "normal", "skips in silence"}, []string{"0= 2=", "0=0 1=1 2=2", "0=0 2=2"})
}

// TestPollBlocked checks that one lost GPU, over which nvidia-smi refuses to read any, keeps nobody else
// from being read, and is lost itself.
func TestPollBlocked(t *testing.T) {
	f := func(mode string) {
		t.Helper()
		t.Run(mode, func(t *testing.T) {
			p := pollOf(t, mode, "normal")
			open(t, p)
			b := newBatch()
			for i, scenario := range []string{"normal", "blocked", "blocked", "blocked"} {
				childtest.Play(t, scenario)
				b.Reset()
				if err := p.Gather(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				rows := byUUID(t, b, vocabulary.GPU)
				for gpu := range 3 {
					m := rows[world{}.uuid(gpu)]
					lost := gpu == 1 && i > 0
					switch {
					case m == nil && (!lost || i > 1):
						t.Errorf("gather %d: no row of GPU %d", i, gpu)
					case m == nil:
					default:
						if up, _ := m.Number("up"); (up == 0) != lost {
							t.Errorf("gather %d: GPU %d has up %v", i, gpu, up)
						}
						if m.Tag("gpu_index") != string(rune('0'+gpu)) {
							t.Errorf("gather %d: GPU %d has index %s", i, gpu, m.Tag("gpu_index"))
						}
					}
				}
			}
		})
	}
	f("query")
	f("xml")
}

// TestPollTimeout checks that a hanging nvidia-smi holds a gather up for its timeout and no longer.
func TestPollTimeout(t *testing.T) {
	f := func(mode string, kill func(int, syscall.Signal) error) {
		t.Helper()
		t.Run(mode, func(t *testing.T) {
			p := pollOf(t, mode, "hangs")
			open(t, p)
			p.launcher.Patience.Kill = 50 * time.Millisecond
			var hanging []int
			if kill != nil {
				p.launcher.Kill = func(group int, s syscall.Signal) error {
					hanging = append(hanging, group)
					return kill(group, s)
				}
				p.launcher.Patience.Term = 50 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			err := p.Gather(ctx, newBatch())
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 10*time.Second {
				t.Errorf("error %v after %v", err, time.Since(began))
			}
			for _, group := range hanging {
				_ = syscall.Kill(-group, syscall.SIGKILL)
			}
		})
	}
	f("query", nil)
	f("xml", nil)
	f("query", func(int, syscall.Signal) error { return nil })
}

// TestPollLingering checks that what was read counts though nvidia-smi takes its time to end.
func TestPollLingering(t *testing.T) {
	for _, mode := range []string{"query", "xml"} {
		p := pollOf(t, mode, "lingers")
		open(t, p)
		p.launcher.Patience.Term, p.launcher.Patience.Kill = time.Millisecond, time.Millisecond
		b := newBatch()
		if err := p.Gather(t.Context(), b); err != nil || len(byUUID(t, b, vocabulary.GPU)) != 3 {
			t.Errorf("%s: error %v, and\n%s", mode, err, describe(b))
		}
	}
}

func TestPollMIG(t *testing.T) {
	p := pollOf(t, "xml", "normal")
	open(t, p)
	b := newBatch()
	if err := p.Gather(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	n := 0
	for m := range b.All() {
		if m.Tag("mig_gi") == "" || m.Name() != vocabulary.GPU {
			continue
		}
		n++
		used, _ := m.Number("memory_used_bytes")
		ratio, _ := m.Number("memory_used_ratio")
		if _, power := m.Lookup("power_watts"); used != 2500<<20 || ratio != 0.25 || power || m.Tag("mig_ci") != "0" || m.Tag("gpu_uuid") == "" {
			t.Errorf("%s", sdktest.Line(m))
		}
	}
	if n != 6 {
		t.Errorf("%d MIG instances, want 6", n)
	}
}

func TestPollDevices(t *testing.T) {
	f := func(mode string, devices ...string) {
		t.Helper()
		p := pollOf(t, mode, "normal", func(c *Config) { c.Devices = devices })
		open(t, p)
		b := newBatch()
		if err := p.Gather(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		rows := byUUID(t, b, vocabulary.GPU)
		if m := rows[world{}.uuid(1)]; m == nil || len(rows) != 1 || m.Tag("gpu_index") != "1" {
			t.Errorf("%s %v: %s", mode, devices, describe(b))
		}
	}
	f("xml", "1")
	f("xml", "gpu-5EED0000-0000-4000-8000-000000000001")
	f("xml", "0000:11:00.0")
	f("xml", "11:00.0")
	f("query", world{}.uuid(1))
}

func TestPollKeepsTheContract(t *testing.T) {
	for _, mode := range []string{"query", "xml"} {
		t.Run(mode, func(t *testing.T) {
			sdktest.TestGatherer(t, func(t testing.TB) sdk.Gatherer {
				return pollOf(t, mode, "normal", func(c *Config) { c.InfoInterval = time.Hour })
			})
		})
	}
}

// TestPollNewDriver: what a driver does not know is asked for again once it may have been replaced by another.
func TestPollNewDriver(t *testing.T) {
	p := pollOf(t, "query", "old")
	open(t, p)
	b := newBatch()
	has := func(scenario string) (found bool) {
		childtest.Play(t, scenario)
		b.Reset()
		_ = p.Gather(t.Context(), b)
		for m := range b.Samples() {
			_, ok := m.Number("throttle_hw_thermal_seconds")
			found = found || ok
		}
		return found
	}
	if has("old") || has("normal") {
		t.Fatal("an old driver has new readings")
	}
	if has("no driver"); !has("normal") {
		t.Error("a new driver has old readings alone")
	}
}
