// Package stdout writes what the agent delivers to standard output: as line protocol, as JSON, or as a
// table for people, which is redrawn in place on a terminal.
package stdout

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

//go:embed sample.toml
var sample string

// The formats.
const (
	formatInflux = "influx"
	formatJSON   = "json"
	formatTable  = "table"
)

// Config is the table [[outputs.stdout]].
type Config struct {
	Format  string        `toml:"format" doc:"What to write: line protocol, an object per line, or a table for people." default:"influx" enum:"influx|json|table"`
	Refresh time.Duration `toml:"refresh" doc:"Shortest time between two drawings of the table. 0s means 250ms on a terminal; elsewhere each window's results, or every 10s where there are none." default:"0s" min:"0s"`
}

// Definition describes the output to a registry.
func Definition() sdk.Definition {
	d := sdk.DefineOutput("stdout", "Writes line protocol, JSON or a table to standard output", sample,
		func(c *Config) (sdk.Output, error) { return New(c) })
	d.Common = map[string]any{"required": false, "flush_interval": "0s"}
	return d
}

// Stdout is the output.
type Stdout struct {
	w     io.Writer
	lines lineFormat // nil for a table
	table *table     // nil for lines
	text  []byte
}

// New makes the output of a configuration, on os.Stdout.
func New(c *Config) (*Stdout, error) { return NewOn(c, os.Stdout) }

// NewOn is New for another writer than os.Stdout. A table is redrawn in place where w is a terminal's
// *os.File.
func NewOn(c *Config, w io.Writer) (*Stdout, error) {
	s := &Stdout{w: w}
	switch c.Format {
	case formatInflux:
		s.lines = influxLines()
	case formatJSON:
		s.lines = jsonLines()
	case formatTable:
		s.table = newTable(c.Refresh, screenOf(w, os.Getenv))
	default:
		return nil, sdk.Fault{Path: []string{"format"}, Problem: fmt.Sprintf("%q is unknown", c.Format), Remedy: "take influx, json or table"}
	}
	return s, nil
}

// Open takes what the table shows besides metrics.
func (s *Stdout) Open(_ context.Context, env *sdk.Env) error {
	if s.table != nil {
		s.table.open(env)
	}
	return nil
}

// Write writes the batch in one go. Rows that the format cannot hold are rejected.
func (s *Stdout) Write(_ context.Context, b *sdk.Batch) error {
	if s.table != nil {
		s.table.take(b)
		return s.flush(s.table.due(s.text[:0]))
	}
	text, rejected := s.lines(s.text[:0], b)
	if err := s.flush(text); err != nil {
		return err
	}
	if len(rejected) > 0 {
		return &sdk.PartialError{Rejected: slices.Clone(rejected), Err: errors.New("write to standard output: no field that line protocol can hold")}
	}
	return nil
}

// Close draws the table a last time, as it is at the end.
func (s *Stdout) Close() error {
	if s.table == nil {
		return nil
	}
	err := s.flush(s.table.end(s.text[:0]))
	if errors.Is(err, sdk.ErrEnd) {
		return nil // nobody is there to see it
	}
	return err
}

// A buffer that has grown beyond it is not kept.
const keptText = 1 << 20

func (s *Stdout) flush(text []byte) error {
	if s.text = text; cap(text) > keptText {
		s.text = nil
	}
	if len(text) == 0 {
		return nil
	}
	_, err := s.w.Write(text)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EBADF) || errors.Is(err, io.ErrClosedPipe) {
		return sdk.Ended(fmt.Errorf("nobody reads standard output any more: %w", err))
	}
	if err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}
