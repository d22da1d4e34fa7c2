package isolate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// Command is the argument that makes a program a child: its main calls [Serve] then.
const Command = "child"

// lastWords is how long the plugin of a child that must end gets to return from a call and to close.
const lastWords = 100 * time.Millisecond

// Serve is the whole of a child: it reads from stdin which plugin of the registry it is to run, and runs
// it until the plugin ends, stdin does, nobody reads stdout any more, or ctx ends. It returns then, also
// when a call of the plugin does not: the process is to end at once. An error says why the plugin ended; it
// wraps [ErrTold] where the agent knows.
//
// Nothing else may write to stdout. The caller sees to it that what libraries print goes to stderr.
func Serve(ctx context.Context, registry sdk.Registry, stdin io.Reader, stdout, stderr io.Writer) error {
	in := bufio.NewReader(stdin)
	o, err := readOrder(in)
	if o == nil {
		return err
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	out := newOutbox(stdout, o.Coalesce, catalog)
	defer out.stop()
	out.message(appendHello)
	if err != nil {
		return err
	}
	plugin, err := o.plugin(registry)
	if err != nil {
		out.end(fault{classPermanent, clip(err.Error(), maxText)})
		return told(err)
	}
	w := newWorker(o, plugin, out, o.env(stderr, catalog))

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	done, pulse := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(pulse)
		w.pulse(ctx)
	}()
	go func() { done <- w.run(ctx) }()
	defer closedWithin(pulse, lastWords)
	defer cancel()
	select {
	case err = <-done:
		return told(err)
	case <-out.broken:
		return errors.New("the agent does not listen any more")
	case <-ctx.Done():
	}
	select {
	case err = <-done:
		return told(err)
	case <-time.After(lastWords):
		return nil
	}
}

// ErrTold marks an error that the agent has been told of: nobody else needs to hear it.
var ErrTold = errors.New("the agent has been told")

func told(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (%w)", err, ErrTold)
}

// env is what the plugin is lent.
func (o *order) env(stderr io.Writer, catalog *sdk.Catalog) *sdk.Env {
	handler := slog.NewJSONHandler(stderr, &slog.HandlerOptions{
		Level: o.Level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Value.Kind() == slog.KindDuration { // else it would arrive as a number
				a.Value = slog.StringValue(a.Value.Duration().String())
			}
			return a
		},
	})
	return &sdk.Env{
		Log: slog.New(handler), Host: o.Host, Now: o.clock().Now, Catalog: catalog, Meter: sdk.NewMeter(),
		Interval: o.Interval, Timeout: o.Timeout,
	}
}

// clock is the agent's, as far as two processes can have one: it does not run backwards either, and starts
// where the agent's is. The agent itself tells of steps.
func (o *order) clock() *clock.Clock {
	return clock.New(slog.New(slog.DiscardHandler), nil, time.Unix(0, o.Now))
}

// run takes the plugin through its life and reports its end.
func (w *worker) run(ctx context.Context) error {
	err := w.open(ctx)
	if err == nil {
		err = w.read(ctx)
		if c, ok := w.plugin.(io.Closer); ok && !errors.Is(err, errPanic) {
			_ = w.call(ctx, func(context.Context) error { return c.Close() })
		}
	}
	w.out.message(w.figures.append)
	w.out.end(classify(err))
	if errors.Is(err, sdk.ErrEnd) {
		return nil
	}
	return err
}

func (w *worker) open(ctx context.Context) error {
	if r, ok := w.plugin.(Resumer); ok && len(w.order.Mark) > 0 {
		r.Resume(w.order.Mark)
	}
	if o, ok := w.plugin.(sdk.Opener); ok {
		if err := w.call(ctx, func(ctx context.Context) error { return o.Open(ctx, w.env) }); err != nil {
			return err
		}
	}
	w.out.message(appendOpened)
	return nil
}

func (w *worker) read(ctx context.Context) error {
	switch p := w.plugin.(type) {
	case sdk.Gatherer:
		return w.poll(ctx, p)
	case sdk.Reader:
		return w.follow(ctx, p)
	}
	return sdk.Permanent(fmt.Errorf("a %T is no input", w.plugin))
}
