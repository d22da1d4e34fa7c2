package sdktest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var (
	_ sdk.Gatherer  = (*Script)(nil)
	_ sdk.Reader    = (*Feed)(nil)
	_ sdk.Finite    = (*Feed)(nil)
	_ sdk.Opener    = (*Feed)(nil)
	_ sdk.Output    = (*Sink)(nil)
	_ sdk.Opener    = (*Sink)(nil)
	_ sdk.Processor = (*Stage)(nil)
	_ sdk.Flusher   = (*Stage)(nil)
	_ sdk.Mux       = (*Mux)(nil)
)

// recorder is a testing.TB that notes what is logged and what fails.
type recorder struct {
	testing.TB
	logs, errors []string
	cleanups     []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Log(args ...any)  { r.logs = append(r.logs, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestFeedRecordsAcks(t *testing.T) {
	lost := errors.New("lost")
	r := &recorder{TB: t}
	f := NewFeed(r, Step{Text: "a x=1 1"}, Step{Err: sdk.ErrNoData}, Step{Text: "a x=2 2", Err: lost})
	f.Offline = true
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	first, err := f.Read(t.Context(), b)
	if err != nil || first == nil {
		t.Fatalf("%v", err)
	}
	b.Reset()
	if ack, err := f.Read(t.Context(), b); !errors.Is(err, sdk.ErrNoData) || ack != nil {
		t.Errorf("an empty step: %v, an Ack: %v", err, ack != nil)
	}
	third, err := f.Read(t.Context(), b)
	if !errors.Is(err, lost) || third == nil || b.Len() != 1 {
		t.Errorf("a step with rows and an error: %v, %d rows", err, b.Len())
	}
	if _, err := f.Read(t.Context(), b); !errors.Is(err, sdk.ErrEnd) {
		t.Errorf("after the last step: %v", err)
	}
	third(nil)
	first(lost)
	if got := f.Acks(); !slices.Equal(got, []Acked{{2, nil}, {0, lost}}) {
		t.Errorf("%v", got)
	}
	if r.errors != nil {
		t.Errorf("%q", r.errors)
	}
	first(nil)
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "Ack of step 0 was called twice") {
		t.Errorf("a second call of an Ack: %q", r.errors)
	}
	if f.Calls() != 4 || !f.Finite() {
		t.Errorf("%d calls", f.Calls())
	}
}

func TestScriptPlaysSteps(t *testing.T) {
	r := &recorder{TB: t}
	done := errors.New("done")
	s := NewScript(r, Step{Text: "a x=1 1\na x=2 2"}, Step{Text: "not a line"}, Step{Do: func(context.Context) error { return done }})
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	if err := s.Gather(t.Context(), b); err != nil || b.Len() != 2 || s.Finite() {
		t.Errorf("%v, %d rows", err, b.Len())
	}
	if err := s.Gather(t.Context(), b); err != nil || len(r.errors) != 1 {
		t.Errorf("a bad line: %v, %q", err, r.errors)
	}
	if err := s.Gather(t.Context(), b); !errors.Is(err, done) {
		t.Errorf("%v", err)
	}
}

func TestSinkTakesWhatItSays(t *testing.T) {
	down := errors.New("down")
	const rows = "a x=1 1\nb x=2 2\na x=3 3"
	f := func(s *Sink, writes int, wantErr error, want ...string) {
		t.Helper()
		b := Batch(t, sdk.NewCatalog(sdk.Limits{}), rows)
		b.ID.Seq = 7
		var err error
		for range writes {
			err = s.Write(t.Context(), b)
		}
		if !errors.Is(err, wantErr) {
			t.Errorf("error %v, want %v", err, wantErr)
		}
		if diff := cmp.Diff(want, s.Lines()); diff != "" {
			t.Error(diff)
		}
		if s.Calls() != writes {
			t.Errorf("%d calls", s.Calls())
		}
		if want != nil && !slices.Equal(s.IDs(), []sdk.BatchID{{Seq: 7}}) {
			t.Errorf("ids %v", s.IDs())
		}
	}
	all := []string{"a x=1 1", "b x=2 2", "a x=3 3"}
	f(&Sink{}, 1, nil, all...)
	f(&Sink{Full: true}, 1, nil, "a x:gauge:=1 1", "b x:gauge:=2 2", "a x:gauge:=3 3")
	f(&Sink{Do: FailTimes(2, down)}, 2, down)
	f(&Sink{Do: FailTimes(2, down)}, 3, nil, all...)
	f(&Sink{Do: Reject("b ", down)}, 1, down, "a x=1 1", "a x=3 3")
	f(&Sink{Do: Reject("c ", down)}, 1, nil, all...)
	free := make(chan struct{})
	close(free)
	f(&Sink{Do: Block(free)}, 1, nil, all...)
	stuck := &Sink{Do: Block(nil)}
	if err := stuck.Write(cancelled(t), sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))); !errors.Is(err, context.Canceled) {
		t.Errorf("a sink that blocks: %v", err)
	}
}

func TestFakesCountOpenAndClose(t *testing.T) {
	down := errors.New("down")
	errs := []error{down, nil, down}
	f := func(p interface {
		sdk.Opener
		Close() error
		Opens() int
		Closes() int
	},
	) {
		t.Helper()
		for i, want := range append(errs, nil) {
			if err := p.Open(t.Context(), nil); !errors.Is(err, want) {
				t.Errorf("Open %d: %v, want %v", i+1, err, want)
			}
		}
		if err := p.Close(); err != nil || p.Opens() != 4 || p.Closes() != 1 {
			t.Errorf("%v, %d opens, %d closes", err, p.Opens(), p.Closes())
		}
	}
	script, feed := NewScript(t), NewFeed(t)
	script.OpenErrs, feed.OpenErrs = errs, errs
	f(script)
	f(feed)
	f(&Sink{OpenErrs: errs})
	f(&Stage{OpenErrs: errs})
}

func TestEnv(t *testing.T) {
	r := &recorder{TB: t}
	c := sdk.NewCatalog(sdk.Limits{})
	env := Env(r, c)
	if env.Host != "testhost" || env.Catalog != c || env.Now().IsZero() || env.Meter == nil {
		t.Errorf("%+v", env)
	}
	for range env.Totals() {
		t.Error("a total")
	}
	env.Log.Warn("hot", "gpu", 3)
	for _, f := range r.cleanups {
		f()
	}
	env.Log.Warn("after the end")
	if diff := cmp.Diff([]string{"level=WARN msg=hot gpu=3"}, r.logs); diff != "" {
		t.Error(diff)
	}
}

func TestMux(t *testing.T) {
	m := new(Mux)
	get := func(path, want string) {
		t.Helper()
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if got := fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String())); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	get("/metrics", "404 404 page not found")
	m.Handle("GET /metrics", say("one"))
	get("/metrics", "200 one")
	m.Handle("GET /metrics", say("two")) // as after Close and Open
	get("/metrics", "200 two")
}
