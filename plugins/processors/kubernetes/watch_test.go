package kubernetes

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// scripted is a kubelet that answers as a test asks, in the bubble's time.
type scripted struct {
	mu   sync.Mutex
	does reply
}

type reply struct {
	all   []assignment
	err   error
	hangs bool
}

func does(r reply) *scripted { return &scripted{does: r} }

func (s *scripted) ask(ctx context.Context) ([]assignment, error) {
	s.mu.Lock()
	r := s.does
	s.mu.Unlock()
	if r.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return slices.Clone(r.all), r.err
}

// then has the kubelet do something else from now on.
func (s *scripted) then(r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.does = r
}

func one(pod string) []assignment {
	d, _ := parseDevice(uuidA)
	return []assignment{{holder{"team", pod, "main"}, "nvidia.com/gpu", uuidA, d, true}}
}

// watched starts a watch of a scripted kubelet that is asked each 10 s. Steps are taken between two rounds.
func watched(t *testing.T, k *scripted) (w *watch, log *sdktest.Buffer, pass func(time.Duration)) {
	t.Helper()
	log = new(sdktest.Buffer)
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Log = log.Log()
	w = newWatch(k.ask, 10*time.Second, env)
	w.start()
	pass = func(d time.Duration) {
		time.Sleep(d)
		synctest.Wait()
	}
	pass(time.Second)
	return w, log, pass
}

func (w *watch) pods() string {
	var pods []string
	for _, a := range w.said.Load().all {
		pods = append(pods, a.pod)
	}
	return strings.Join(pods, " ")
}

func TestAnAnswerStandsForAWhile(t *testing.T) {
	f := func(what string, fails reply, stands time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			k := does(reply{all: one("a")})
			w, log, pass := watched(t, k)
			defer w.stop()
			pass(time.Minute)
			k.then(fails)
			pass(stands - 20*time.Second)
			if got := w.pods(); got != "a" {
				t.Errorf("%s: within %v it says %q", what, stands, got)
			}
			pass(40 * time.Second)
			if got := w.pods(); got != "" {
				t.Errorf("%s: after %v it still says %q", what, stands, got)
			}
			pass(time.Hour)
			k.then(reply{all: one("b")})
			pass(20 * time.Second)
			if got := w.pods(); got != "b" {
				t.Errorf("%s: when it answers again it says %q", what, got)
			}
			said := log.String()
			for part, times := range map[string]int{"tells which": 2, "does not tell which": 1, "stands no longer": 1} {
				if n := strings.Count(said, part); n != times {
					t.Errorf("%s: %q stands %d times in\n%s", what, part, n, said)
				}
			}
			if w.failures.Get() < 100 {
				t.Errorf("%s: %v failures", what, w.failures.Get())
			}
		})
	}
	f("away", reply{err: errors.New("no such file")}, keep)
	f("another kubelet", reply{err: status.Error(codes.Unimplemented, "unknown service")}, keep)
	f("hangs", reply{hangs: true}, keep)
}

func TestReasonsAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := does(reply{err: errors.New("no such file")})
		w, log, pass := watched(t, k)
		defer w.stop()
		pass(time.Minute)
		k.then(reply{err: status.Error(codes.PermissionDenied, "not you")})
		pass(time.Minute)
		k.then(reply{all: one("a")})
		pass(time.Minute)
		var got []string
		for line := range strings.Lines(log.String()) {
			got = append(got, line[strings.Index(line, "msg="):])
		}
		if len(got) != 3 || !strings.Contains(got[0], "bear no pods") || !strings.Contains(got[0], "no such file") || !strings.Contains(got[1], "not you") || !strings.Contains(got[2], "devices=1") {
			t.Errorf("%q", got)
		}
	})
}

func TestAnEqualAnswerIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := does(reply{all: append(one("b"), one("a")...)})
		w, _, pass := watched(t, k)
		defer w.stop()
		first, rounds := w.said.Load(), w.rounds.Load()
		k.then(reply{all: append(one("a"), one("b")...)}) // in another order
		pass(time.Minute)
		if w.said.Load() != first || w.rounds.Load() != rounds+6 || w.devices.Get() != 2 {
			t.Errorf("%v after %d rounds", w.said.Load(), w.rounds.Load()-rounds)
		}
		k.then(reply{all: one("a")})
		pass(10 * time.Second)
		if w.said.Load() == first || w.devices.Get() != 1 {
			t.Error("a change is not seen")
		}
	})
}

func TestStopEndsAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log, _ := watched(t, does(reply{hangs: true}))
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > 0 || w.failures.Get() > 0 || log.String() != "" {
			t.Errorf("after %v, %v failures, %s", took, w.failures.Get(), log)
		}
	})
}

// TestOpenWaits for the first answer, but not for long, and not where there is nobody to give one.
func TestOpenWaits(t *testing.T) {
	f := func(what string, k *scripted, took time.Duration, pods string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
			p := &Kubernetes{config: Config{Refresh: time.Minute}, ask: k.ask}
			began := time.Now()
			if err := p.Open(t.Context(), env); err != nil || time.Since(began) != took || p.watch.pods() != pods {
				t.Errorf("%s: %v after %v, says %q", what, err, time.Since(began), p.watch.pods())
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	f("answers", does(reply{all: one("a")}), 0, "a")
	f("away", does(reply{err: errors.New("no such file")}), 0, "")
	f("hangs", does(reply{hangs: true}), openWait, "")
}
