// Package replay is the input that reads recorded line protocol from files or from standard input: as
// fast as it can, or at the pace at which it was recorded.
package replay

import (
	"context"
	_ "embed"
	"log/slog"
	"os"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Config is the table [[inputs.replay]].
type Config struct {
	Files     []string `toml:"files" doc:"Files of line protocol, read in this order; patterns such as \"traces/*.lp.gz\" are expanded, \"-\" is standard input." required:"true"`
	Speed     float64  `toml:"speed" doc:"Pace: 0 is as fast as possible, 1 the original pace, 10 ten times as fast." default:"0" min:"0" max:"1000000"`
	Loop      bool     `toml:"loop" doc:"Start again after the last file." default:"false"`
	Now       bool     `toml:"now" doc:"Move the time stamps of each file so that its first sample is now." default:"false"`
	Precision string   `toml:"precision" doc:"The unit of the time stamps." default:"ns" enum:"ns|us|ms|s"`
	Counters  []string `toml:"counters" doc:"Names, as patterns, of fields that only grow; those of GPU readings are known." default:"*_total"`
}

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("replay", "Recorded line protocol, from files or standard input", sample,
		func(c *Config) (any, error) { return New(c) })
}

// Validate checks what concerns more than one key.
func (c *Config) Validate() error {
	var faults sdk.FaultList
	if len(c.Files) == 0 {
		faults.Add("names no file", `write files = ["x.lp"], or ["-"] for standard input`, "files")
	}
	stdin := 0
	for _, file := range c.Files {
		if file == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		faults.Add("names standard input twice", "", "files")
	}
	if stdin > 0 && c.Loop {
		faults.Add("cannot be done with standard input", "read a file", "loop")
	}
	return faults.Err()
}

// Replay is the input. It is an [sdk.Reader] that ends after its last file.
type Replay struct {
	config    Config
	precision lineprotocol.Precision
	stdin     *interruptible

	log      *slog.Logger
	now      func() time.Time
	badLines *sdk.Number
	decoder  *lineprotocol.Decoder

	queue   []string // files of this round that are still to come
	rounds  int      // begun
	opened  int      // files of this round
	failed  int      // files and patterns of this round that were not read to the end
	read    int      // metrics of this round
	file    *file    // at work, or nil
	counted int      // bad lines of the file that badLines has counted
	buf     []byte   // for the next file
	pace    pace
	ahead   *sdk.Batch    // what was decoded before it was due
	waiting []*sdk.Metric // its rows
	next    int           // of waiting
}

// New returns an input of the configuration c.
func New(c *Config) (*Replay, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	precision, err := lineprotocol.ParsePrecision(c.Precision)
	if err != nil {
		return nil, sdk.Fault{Path: []string{"precision"}, Problem: err.Error()}
	}
	return &Replay{config: *c, precision: precision, stdin: &interruptible{from: &unpacked{raw: os.Stdin}}}, nil
}

// Finite reports that the data end, and lie in the past.
func (r *Replay) Finite() bool { return true }

// Open prepares to read from the first file on.
func (r *Replay) Open(_ context.Context, env *sdk.Env) error {
	r.log, r.now = env.Log, env.Now
	r.badLines = env.Meter.Counter("gpuline_replay_bad_lines_total", "Lines that replay could not read and left out.")
	r.decoder = lineprotocol.NewDecoder(env.Catalog, lineprotocol.DecoderOptions{
		Precision: r.precision,
		Coerce:    vocabulary.Coerce,
		Counters:  r.config.Counters,
	})
	r.queue, r.rounds, r.opened, r.failed, r.read = nil, 0, 0, 0, 0
	r.pace = pace{speed: r.config.Speed, shift: r.config.Now}
	r.ahead, r.waiting, r.next = sdk.NewBatch(env.Catalog), nil, 0
	return nil
}

// Close closes what is open.
func (r *Replay) Close() error {
	r.stdin.close()
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return f.close()
}
