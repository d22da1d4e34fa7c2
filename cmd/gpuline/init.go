package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gpuline/gpuline/conf"
)

type initCommand struct {
	Output   string `short:"o" placeholder:"FILE" help:"Write to this file instead of standard output."`
	Force    bool   `help:"Overwrite the file if it is there."`
	Counters string `name:"from-dcgm-counters" placeholder:"FILE" help:"Serve what this counters file of dcgm-exporter lists, under the same names."`
}

// Run writes a configuration for this host, or one that does the job of a counters file. It looks for
// what reads GPUs, and runs nothing.
func (c initCommand) Run(p *program) error {
	text, remark, err := c.write(p)
	if err != nil {
		return err
	}
	if _, err := conf.Parse(p.registry, "the written configuration", []byte(text)); err != nil {
		return fmt.Errorf("this binary cannot run what it would write: %w", err)
	}
	_, _ = fmt.Fprintln(p.stderr, "gpuline:", remark)
	if c.Output == "" {
		_, err := fmt.Fprint(p.stdout, text)
		return err
	}
	if err := create(c.Output, text, c.Force); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(p.stderr, "gpuline: wrote %s; start it with: gpuline run -c %[1]s\n", c.Output)
	return nil
}

// write returns the configuration, and a line about it for the terminal.
func (c initCommand) write(p *program) (text, remark string, err error) {
	if c.Counters == "" {
		return forHost(lookForGPUs())
	}
	file, err := os.ReadFile(c.Counters)
	if err != nil {
		return "", "", fmt.Errorf("read the counters file: %w", err)
	}
	counters, faults := parseCounters(string(file))
	if len(faults) > 0 {
		for _, f := range faults {
			_, _ = fmt.Fprintf(p.stderr, "%s:%d: %s\n", c.Counters, f.line, f.problem)
		}
		return "", "", errReported
	}
	text, remark, err = forCounters(bestSource(), filepath.Base(c.Counters), counters)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", c.Counters, err)
	}
	return text, remark, nil
}

// create writes a file that is not there yet, unless force says that it may be.
func create(path, text string, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !force {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force overwrites it", path)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
