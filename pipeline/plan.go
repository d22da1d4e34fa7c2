package pipeline

import (
	"log/slog"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Plan says what an agent consists of. It is plain values: conf makes one from TOML, a test writes one
// down. Durations and sizes are as they apply; defaults have been filled in.
type Plan struct {
	Agent      Agent
	Inputs     []Input
	Processors []Processor // of the main chain, in order
	Outputs    []Output

	// Warnings name what is no fault of the configuration that the plan was made of, and yet hardly meant.
	Warnings []string
}

// Agent holds what concerns the agent as a whole.
type Agent struct {
	Hostname      string // "" takes the operating system's
	Tags          []sdk.Tag
	ShutdownGrace time.Duration
	SelfInterval  time.Duration // between gpuline_* metrics in the stream; 0 for none
	HTTP          string        // host:port of the agent's server; "" for none
	TLS           TLS           // of that server
	Auth          Auth          // of that server
	LogLevel      slog.Level
	LogFormat     LogFormat
	Gathers       int // end each input after so many reads, and one that waits when nothing comes; 0 for never

	// Launch starts the agent's program once more, for inputs that keep their calls in a child; nil where
	// it cannot.
	Launch sdk.Launch
}

// TLS names the files of a certificate and its key, in PEM; without them a server speaks plain HTTP.
type TLS struct{ Cert, Key string }

// Auth is what HTTP basic authentication asks for; without a user it asks for nothing.
type Auth struct {
	User     string
	Password sdk.Secret
}

// LogFormat is how log messages are written.
type LogFormat string

// Log messages are key=value lines, or JSON objects a line.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Plugin is what every plugin's table has in common.
type Plugin struct {
	Name   string // such as "nvidia_smi"
	Alias  string // tells instances of one plugin apart in logs and figures; may be ""
	Where  string // such as "agent.toml:12", for messages; may be ""
	Level  slog.Level
	Filter Filter

	// Fingerprint stands for all that the operator wrote about the instance, secrets included, without
	// telling them. A reload keeps an instance whose place and fingerprint are the same; "" never is.
	Fingerprint string

	// New makes an instance that is not open: an sdk.Gatherer or Reader, a Processor, an Output. The
	// engine calls it again when it restarts the plugin.
	New func() (any, error)
}

// Filter holds globs. A metric passes when its name passes Metrics and each tag in Tags passes that
// tag's list; of its fields those stay that pass Fields. A list passes what one of its plain globs
// matches, or, without plain globs, everything, except what a glob after "!" matches.
type Filter struct {
	Metrics []string
	Fields  []string
	Tags    map[string][]string
}

// Input is one input with the processors under it.
type Input struct {
	Plugin
	Interval   time.Duration // of a Gatherer
	Jitter     time.Duration // the first gather is delayed by up to so much
	Timeout    time.Duration
	Tags       []sdk.Tag // added to each metric that lacks them
	Processors []Processor
}

// Processor is one processor.
type Processor struct{ Plugin }

// Output is one output with its queue and the processors under it.
type Output struct {
	Plugin
	Queue         Queue
	BatchSize     int           // metrics in a batch, at most
	FlushInterval time.Duration // a batch waits so long to fill, at most: hosts deliver at instants of their own
	Timeout       time.Duration // of one Write
	Samples       bool          // take samples that a window has absorbed, too
	Required      bool          // an Ack waits for this output
	Processors    []Processor
}

// Queue bounds what waits for an output.
type Queue struct {
	Disk     string // folder of a queue on disk; "" for one in memory
	MaxBytes int64
	MaxAge   time.Duration // 0 for no bound
	WhenFull WhenFull
}

// WhenFull says what a full queue does.
type WhenFull string

// A full queue drops its oldest batch, drops what arrives, or drops what arrives from polled inputs and
// makes the others wait.
const (
	DropOldest WhenFull = "drop_oldest"
	DropNewest WhenFull = "drop_newest"
	Block      WhenFull = "block"
)
