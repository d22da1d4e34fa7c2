package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
)

func newQueue(p *program) *cobra.Command {
	return group("queue", "Look into a queue on disk, which no running agent has in use",
		command("stat PATH", "Show what waits in the folder that is queue.disk of an output", 1, 1,
			func(args []string) error { return stat(p, args[0]) }),
		command("dump PATH", "Print what waits there as line protocol, and leave it there", 1, 1,
			func(args []string) error { return dump(p, args[0]) }),
	)
}

// stat prints a line a figure.
func stat(p *program, path string) error {
	r, err := queue.Read(path, func(*sdk.Batch) error { return nil })
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

// dump prints a line a metric, oldest batch first. What was not readable it says on stderr.
func dump(p *program, path string) error {
	var encoder *lineprotocol.Encoder
	var catalog *sdk.Catalog
	var lines []byte
	var leftOut int
	r, err := queue.Read(path, func(b *sdk.Batch) error {
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
