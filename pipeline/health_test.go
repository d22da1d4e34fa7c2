package pipeline

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// page asks for one of the agent's own pages.
func page(p *Pipeline, path string) (int, string) {
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// served plans a server that is never run: Gathers keeps it from listening, and the inputs from ending.
func (r *rig) served() { r.plan.Agent.HTTP, r.plan.Agent.Gathers = "127.0.0.1:0", 1<<30 }

func wantPage(t *testing.T, p *Pipeline, path string, status int, text string) {
	t.Helper()
	if code, got := page(p, path); code != status || got != text {
		t.Errorf("%s: %d %q, want %d %q", path, code, got, status, text)
	}
}

func TestReadyNamesWhatIsNot(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		down := errors.New("down, and the password is hunter2")
		absent := make([]error, 1000)
		for i := range absent {
			absent[i] = down
		}
		broken := sdktest.NewFeed(t)
		broken.OpenErrs = absent
		free := make(chan struct{})
		stuck := sdktest.Step{Do: func(context.Context) error { <-free; return nil }}
		r.input(sdktest.NewScript(t, append(many(3, 1), stuck)...))
		r.input(broken).Alias = "b"
		r.input(sdktest.NewScript(t, many(1000, 1)...)).Alias = "well"
		r.output(&sdktest.Sink{})
		r.output(&sdktest.Sink{Do: sdktest.FailTimes(1<<30, down)}).Alias = "far"
		p, stop := r.start()
		synctest.Wait()
		wantPage(t, p, healthPath, 200, "ok")
		// broken's first pauses sum up to less than that, so it has been tried often by then.
		time.Sleep(30 * time.Second)
		wantPage(t, p, readyPath, 503, "inputs.script: nothing for 28s\ninputs.script.b: not open\noutputs.sink.far: failing for 30s")
		wantPage(t, p, inputsPath, 503, "inputs.script: nothing for 28s\ninputs.script.b: not open")
		wantPage(t, p, healthPath, 200, "ok")
		close(free)
		stop()
	})
}

func TestReadyNamesAStuckOutput(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		free := make(chan struct{})
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		r.output(&sdktest.Sink{})
		r.output(&sdktest.Sink{Do: func(_ context.Context, call int, _ *sdk.Batch) error {
			if call == 1 {
				<-free // whatever the context says
			}
			return nil
		}}).Alias = "hung"
		p, stop := r.start()
		time.Sleep(9 * time.Second)
		wantPage(t, p, readyPath, 200, "ok")
		time.Sleep(6 * time.Second)
		wantPage(t, p, readyPath, 503, "outputs.sink.hung: stuck for 15s")
		wantPage(t, p, inputsPath, 200, "ok")
		close(free)
		synctest.Wait()
		wantPage(t, p, readyPath, 200, "ok")
		stop()
	})
}

func TestReadyWhenAllIsWell(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		idle := sdktest.Step{Do: func(ctx context.Context) error { <-ctx.Done(); return sdk.ErrNoData }}
		r.input(sdktest.NewFeed(t, idle)).Alias = "quiet"
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(time.Minute)
		wantPage(t, p, readyPath, 200, "ok")
		stop()
	})
}

func TestHealthFailsWhenTheChainIsStuck(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		free := make(chan struct{})
		r.input(sdktest.NewScript(t, many(1000, 1)...))
		r.processor(&sdktest.Stage{Do: func(context.Context, *sdk.Batch) error { <-free; return nil }})
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(29 * time.Second)
		wantPage(t, p, healthPath, 200, "ok")
		time.Sleep(2 * time.Second)
		wantPage(t, p, healthPath, 503, "the chain of processors is stuck")
		wantPage(t, p, inputsPath, 503, "the chain of processors is stuck")
		close(free)
		synctest.Wait()
		wantPage(t, p, healthPath, 200, "ok")
		stop()
	})
}

func TestReadyWithAnInputThatHasEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		r.input(sdktest.NewFeed(t, many(3, 1)...)).Alias = "reader"
		r.input(sdktest.NewScript(t, many(3, 1)...)).Alias = "polled"
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(time.Hour)
		wantPage(t, p, readyPath, 200, "ok")
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		r.input(sdktest.NewScript(t, sdktest.Step{Err: sdk.Permanent(errors.New("no right"))})).Alias = "refused"
		r.input(&ticking{name: "s"})
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(time.Hour)
		wantPage(t, p, readyPath, 503, "inputs.script.refused: failing for 1h0m0s")
		_, _ = stop()
	})
}

// mounting is an output with a page, which it opens slowly.
type mounting struct {
	sdktest.Sink
	free chan struct{}
	err  error
}

func (m *mounting) Open(_ context.Context, env *sdk.Env) error {
	<-m.free
	env.Mux.Handle("/metrics", http.RedirectHandler("/elsewhere", http.StatusFound))
	return m.err
}

// TestPagesBeforeTheirPlugins: a scrape in the first moments of an agent is early, and not wrong.
func TestPagesBeforeTheirPlugins(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		first := &mounting{free: make(chan struct{})}
		r.input(&ticking{name: "s"})
		r.output(first)
		broken := &mounting{free: make(chan struct{}), err: errors.New("down")}
		r.output(broken).Alias = "broken"
		p, stop := r.start()
		f := func(path string, want int) {
			t.Helper()
			synctest.Wait()
			if code, _ := page(p, path); code != want {
				t.Errorf("%s: %d, want %d", path, code, want)
			}
		}
		f("/metrics", 503)
		f("/mistyped", 503)
		f(healthPath, 200)
		close(first.free)
		f("/metrics", 302)
		f("/mistyped", 503)
		close(broken.free) // it cannot be opened, and is tried again for ever
		f("/mistyped", 404)
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestReadyNamesProcessors that metrics pass by, once there has been something for them.
func TestReadyNamesProcessors(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		missing := make([]error, 1000)
		for i := range missing {
			missing[i] = errors.New("there is no program")
		}
		idle := make(chan struct{})
		r.input(sdktest.NewFeed(t, append([]sdktest.Step{{Do: func(context.Context) error { <-idle; return nil }}}, many(1000, 1)...)...),
			&sdktest.Stage{OpenErrs: missing})
		r.processor(&sdktest.Stage{})
		r.output(&sdktest.Sink{}, &sdktest.Stage{OpenErrs: missing}, &sdktest.Stage{})
		p, stop := r.start()
		synctest.Wait()
		wantPage(t, p, readyPath, 200, "ok")
		close(idle)
		synctest.Wait()
		wantPage(t, p, readyPath, 503, "processors.stage: not open\nprocessors.stage#3: not open")
		stop()
	})
	inBubble(t, func(t *testing.T, r *rig) {
		r.served()
		var works atomic.Bool
		r.input(&ticking{name: "s"})
		r.processor(&sdktest.Stage{Do: func(context.Context, *sdk.Batch) error {
			if works.Load() {
				return nil
			}
			return errors.New("the plugin has gone")
		}})
		r.output(&sdktest.Sink{})
		p, stop := r.start()
		time.Sleep(9*time.Second + time.Millisecond) // between two reads
		wantPage(t, p, readyPath, 200, "ok")
		time.Sleep(3 * time.Second)
		wantPage(t, p, readyPath, 503, "processors.stage: failing for 12s")
		works.Store(true)
		time.Sleep(time.Second)
		wantPage(t, p, readyPath, 200, "ok")
		r.wantLog("works again")
		stop()
	})
}
