package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

type queueCommand struct {
	Stat statCommand `cmd:"" help:"Show what waits in a queue on disk. The agent must not be running."`
	Dump dumpCommand `cmd:"" help:"Print what waits in a queue on disk as line protocol, and leave it there. The agent must not be running."`
}

type statCommand struct {
	Path string `arg:"" help:"Folder of the queue: queue.disk of the output."`
}

// Run prints a line a figure.
func (c statCommand) Run(p *program) error {
	r, err := queue.Read(c.Path, func(*sdk.Batch) error { return nil })
	if err != nil {
		return fmt.Errorf("queue stat: %w", err)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { _, _ = fmt.Fprintf(w, "%s\t%v\n", name, value) }
	line("segments", r.Segments)
	line("batches", r.Batches)
	line("metrics", r.Metrics)
	line("bytes", r.Bytes)
	line("bytes of files", r.FileBytes)
	if !r.Oldest.IsZero() {
		line("oldest", r.Oldest.UTC().Format(time.RFC3339))
	}
	for _, g := range r.Ranges {
		line("from", fmt.Sprintf("agent %s, epoch %d, seq %d to %d: %d batches", g.Agent, g.Epoch, g.First, g.Last, g.Batches))
	}
	for _, name := range r.Damaged {
		line("damaged", name+" (put aside when the agent starts; what is whole in it is counted above)")
	}
	for _, name := range r.Unread {
		line("not read", name)
	}
	for _, name := range r.Corrupt {
		line("put aside", name)
	}
	return w.Flush()
}

type dumpCommand struct {
	Path string `arg:"" help:"Folder of the queue: queue.disk of the output."`
}

// Run prints a line a metric, oldest batch first. What was not readable it says on stderr.
func (c dumpCommand) Run(p *program) error {
	var encoder *lineprotocol.Encoder
	var catalog *sdk.Catalog
	var lines []byte
	var leftOut int
	r, err := queue.Read(c.Path, func(b *sdk.Batch) error {
		if b.Catalog() != catalog {
			catalog = b.Catalog()
			encoder = lineprotocol.NewEncoder(catalog, lineprotocol.EncoderOptions{})
		}
		var rejected []int
		lines, rejected = encoder.AppendBatch(lines[:0], b)
		leftOut += len(rejected)
		_, err := p.stdout.Write(lines)
		return err
	})
	if err != nil {
		return fmt.Errorf("queue dump: %w", err)
	}
	for _, name := range r.Unread {
		_, _ = fmt.Fprintln(p.stderr, "gpuline: not read:", name)
		err = errReported
	}
	if leftOut > 0 {
		_, _ = fmt.Fprintf(p.stderr, "gpuline: %d metrics have no form in line protocol\n", leftOut)
	}
	return err
}
