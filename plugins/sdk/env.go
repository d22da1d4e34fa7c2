package sdk

import (
	"iter"
	"log/slog"
	"net/http"
	"time"
)

// Env is what the engine lends to a plugin when it opens it. It is valid until Close.
type Env struct {
	Log  *slog.Logger // bears the plugin's name; messages are rate-limited
	Host string       // the agent's host name, as in the tag host
	Now  func() time.Time
	// Interval is how often the operator wants an input to read: a Reader that sets its own pace follows
	// it; for a Gatherer the engine does. Zero for processors and outputs.
	Interval time.Duration
	// Timeout bounds a call of an input or an output. Zero for processors.
	Timeout time.Duration
	Catalog *Catalog
	Meter   *Meter // the plugin's own metrics

	// Mux takes HTTP handlers for the agent's own server. It is nil where there is no such server: with
	// [agent] http = "", and in a plugin's own process. Who needs it says so.
	Mux Mux

	// Served returns the URLs that the agent's own server offers now. It is nil where there is no server.
	Served func() []string

	// Launch starts the agent's program once more, for a plugin that keeps its calls in a child process. It
	// is nil where the program cannot start itself: in tests, and in a plugin's own process.
	Launch Launch

	// Totals loops over the agent's own figures, gpuline_…, as they are now. It may be called from any
	// goroutine, and is nil in a plugin's own process.
	Totals func() iter.Seq[Total]
}

// Mux is the part of http.ServeMux that a plugin uses. Handlers leave when the plugin is closed.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Total is one of the agent's own figures.
type Total struct {
	Name  string // such as "gpuline_gathers_total"
	Help  string
	Unit  Unit
	Kind  Kind
	Tags  []Tag
	Value float64
}
