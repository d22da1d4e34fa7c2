package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/plugins/inputs/dcgm/counters"
)

// initCommand writes a configuration for this host, or one that does the job of a counters file.
type initCommand struct {
	Output   string
	Force    bool
	Counters string
}

func newInit(p *program) *cobra.Command {
	var c initCommand
	cmd := command("init [-o FILE]", "Write a configuration file for this host, or from one of dcgm-exporter", 0, 0,
		func([]string) error { return c.Run(p) })
	f := cmd.Flags()
	f.StringVarP(&c.Output, "output", "o", "", "write to this `FILE` instead of standard output")
	f.BoolVar(&c.Force, "force", false, "overwrite the file if it is there")
	f.StringVar(&c.Counters, "from-dcgm-counters", "", "serve what this counters `FILE` of dcgm-exporter lists, under the same names")
	return cmd
}

// Run looks for what reads GPUs, and runs nothing.
func (c initCommand) Run(p *program) error {
	text, remark, err := c.write(p)
	if err != nil {
		return err
	}
	if _, err := conf.Parse(p.registry, "the written configuration", []byte(text)); err != nil {
		return fmt.Errorf("this binary cannot run what it would write: %w", err)
	}
	if c.Output == "" {
		_, _ = fmt.Fprintln(p.stderr, "gpuline:", remark)
		_, err := fmt.Fprint(p.stdout, text)
		return err
	}
	if err := create(c.Output, text, c.Force); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(p.stderr, "gpuline:", remark)
	_, _ = fmt.Fprintf(p.stderr, "gpuline: wrote %s; start it with: gpuline run -c %[1]s\n", c.Output)
	return nil
}

// write returns the configuration, and a line about it for the terminal.
func (c initCommand) write(p *program) (text, remark string, err error) {
	if c.Counters == "" {
		text, remark = forHost(lookForGPUs())
		return text, remark, nil
	}
	file, err := conf.ReadText(c.Counters)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", c.Counters, err)
	}
	list, faults := counters.Parse(file)
	if len(faults) > 0 {
		for _, f := range faults {
			_, _ = fmt.Fprintf(p.stderr, "%s:%d: %s\n", c.Counters, f.Line, f.Problem)
		}
		return "", "", errReported
	}
	text, remark, err = forCounters(bestSource(), filepath.Base(c.Counters), list)
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
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return fmt.Errorf("%s is a folder: name a file in it", path)
		}
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
