package sdktest

import (
	"bytes"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Env returns what the engine would lend to a plugin: a log that goes to t, the host name "testhost",
// the clock time.Now (which package testing/synctest replaces), a [Mux] and a meter of its own, and no
// totals. The caller may replace any of it.
func Env(t testing.TB, c *sdk.Catalog) *sdk.Env {
	t.Helper()
	return &sdk.Env{
		Log:     Log(t),
		Host:    "testhost",
		Now:     time.Now,
		Catalog: c,
		Meter:   sdk.NewMeter(),
		Mux:     new(Mux),
		Totals:  func() iter.Seq[sdk.Total] { return func(func(sdk.Total) bool) {} },
	}
}

// Log returns a logger that writes to t, and to nothing once the test has ended.
func Log(t testing.TB) *slog.Logger {
	w := &testLog{t: t}
	t.Cleanup(w.end)
	return slog.New(slog.NewTextHandler(w, timeless))
}

// timeless has a log say everything, but for the time.
var timeless = &slog.HandlerOptions{
	Level: slog.LevelDebug,
	ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	},
}

type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil once the test has ended
}

func (w *testLog) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(string(bytes.TrimRight(line, "\n")))
	}
	return len(line), nil
}

func (w *testLog) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}

// Mux is the [sdk.Mux] of [Env], and a handler by which a test reaches what the plugin has registered:
// env.Mux.(*sdktest.Mux).ServeHTTP. A pattern that is registered again, as by a plugin that was closed
// and opened, gets the new handler.
type Mux struct {
	mu       sync.Mutex
	handlers map[string]http.Handler
}

// Handle registers h for a pattern of http.ServeMux.
func (m *Mux) Handle(pattern string, h http.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handlers == nil {
		m.handlers = make(map[string]http.Handler)
	}
	m.handlers[pattern] = h
}

// ServeHTTP answers as an http.ServeMux with the handlers registered so far.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	m.mu.Lock()
	for pattern, h := range m.handlers {
		mux.Handle(pattern, h)
	}
	m.mu.Unlock()
	mux.ServeHTTP(w, r)
}
