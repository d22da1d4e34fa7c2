package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// instance is a plugin at work: made, opened, closed, and made anew after a panic. It belongs to the
// goroutine that runs the plugin.
type instance struct {
	plugin Plugin
	name   string // such as "inputs.nvidia_smi" or "outputs.influxdb.central"
	log    *slog.Logger
	env    *sdk.Env
	impl   any
	opened bool
	pause  backoff
	due    time.Time // not opened before

	condition condition

	errs     *sdk.Number
	panics   *sdk.Number
	restarts *sdk.Number
	stuck    *sdk.Number
}

var errPanic = errors.New("panic")

func (i *instance) base() *instance { return i }

// open makes and opens the plugin where it is not open. It returns errNotDue while a pause lasts.
func (i *instance) open(ctx context.Context, timeout time.Duration) error {
	if i.opened {
		return nil
	}
	if time.Now().Before(i.due) {
		return errNotDue
	}
	err := i.tryOpen(ctx, timeout)
	i.condition.opened(err == nil)
	if err != nil {
		i.due = time.Now().Add(i.pause.after(err))
		return fmt.Errorf("open %s: %w", i.name, err)
	}
	i.opened = true
	if i.pause.last > 0 {
		i.log.Info("started after all")
	}
	i.pause.reset()
	return nil
}

// report takes the outcome of a call, and tells when failures are over.
func (i *instance) report(ok bool) {
	if failed, recovered := i.condition.report(ok); recovered {
		i.log.Info("works again", "after", failed.Round(time.Second))
	}
}

var errNotDue = errors.New("waiting to be opened again")

func (i *instance) tryOpen(ctx context.Context, timeout time.Duration) error {
	if i.impl == nil {
		err := i.protect(func() (err error) {
			i.impl, err = i.plugin.New()
			return err
		})
		if err != nil {
			i.impl = nil
			return err
		}
	}
	o, ok := i.impl.(sdk.Opener)
	if !ok {
		return nil
	}
	return i.bounded(ctx, timeout, "open", func(ctx context.Context) error { return o.Open(ctx, i.env) })
}

// close closes the plugin where it is open.
func (i *instance) close() {
	if !i.opened {
		return
	}
	i.opened = false
	if m, ok := i.env.Mux.(*mounts); ok {
		m.unmount()
	}
	c, ok := i.impl.(io.Closer)
	if !ok {
		return
	}
	if err := i.protect(c.Close); err != nil {
		i.log.Warn("close failed", "err", err)
	}
}

// protect calls f and turns a panic into an error. After one the plugin is in an unknown state: it is
// closed, and the next open makes it anew.
func (i *instance) protect(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			i.panics.Add(1)
			i.log.Error("plugin panicked; it will be restarted", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			i.close()
			i.impl = nil
			i.due = time.Now().Add(i.pause.next())
			i.restarts.Add(1)
			err = fmt.Errorf("%w: %v", errPanic, v)
		}
	}()
	return f()
}

// bounded calls f with a timeout, and says so while f is stuck beyond it.
func (i *instance) bounded(ctx context.Context, timeout time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	alarm := time.AfterFunc(timeout+timeout/4, func() {
		i.stuck.Add(1)
		i.log.Error(what+" is stuck", "timeout", timeout)
	})
	defer alarm.Stop()
	return i.protect(func() error { return f(ctx) })
}

// backoff yields growing pauses: half a second, doubling up to half a minute, each less up to a half
// at random so that a fleet does not come back in step.
type backoff struct {
	last  time.Duration
	since time.Time // of the first failure
}

const (
	firstPause = 500 * time.Millisecond
	maxPause   = 30 * time.Second

	// After an error of the network.
	networkPause     = time.Second
	longNetworkPause = 10 * time.Second
)

func (b *backoff) next() time.Duration {
	if b.last == 0 {
		b.since = time.Now()
	}
	b.last = min(max(2*b.last, firstPause), maxPause)
	return b.last - rand.N(b.last/2)
}

// after is next, except that pauses after errors of the network are short: a far end that was unreachable for a few
// seconds is tried again within a second. The longer it was away, the more agents wait for it: so the pause grows to
// an eighth of that time, and they do not all come at once.
func (b *backoff) after(err error) time.Duration {
	pause := b.next()
	if _, ok := errors.AsType[net.Error](err); ok {
		most := min(max(time.Since(b.since)/8, networkPause), longNetworkPause)
		return min(pause, most-rand.N(most/2))
	}
	return pause
}

func (b *backoff) reset() { *b = backoff{} }
