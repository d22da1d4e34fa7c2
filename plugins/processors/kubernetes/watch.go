package kubernetes

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

const (
	// askTimeout bounds a question.
	askTimeout = 5 * time.Second

	// keep is how long an answer stands when no other follows. Without a kubelet no pod comes, so what it said last
	// stays true but for pods that end.
	keep = 5 * time.Minute
)

// watch asks the kubelet again and again, on a goroutine of its own, and publishes what it has said.
type watch struct {
	ask      func(context.Context) ([]assignment, error)
	refresh  time.Duration
	now      func() time.Time
	log      *slog.Logger
	failures *sdk.Number
	devices  *sdk.Number

	said   atomic.Pointer[answer] // never nil; another one only when it says something else
	rounds atomic.Uint64          // how often what is said was found to stand

	cancel context.CancelFunc
	done   chan struct{}

	// Of the goroutine:
	answered time.Time // when it last was; zero when never, or when that no longer stands
	health   health
	trouble  codes.Code // while failing
}

type health uint8

const (
	unasked health = iota
	answering
	failing
)

func newWatch(ask func(context.Context) ([]assignment, error), refresh time.Duration, env *sdk.Env) *watch {
	w := &watch{
		ask: ask, refresh: refresh, now: env.Now, log: env.Log,
		failures: env.Meter.Counter("gpuline_kubelet_failures_total", "Questions that the kubelet did not answer."),
		devices:  env.Meter.Gauge("gpuline_kubelet_devices", "", "GPUs, parts and shares of them that pods have, as the kubelet tells."),
	}
	w.said.Store(new(answer))
	return w
}

// start begins to ask. The channel is closed when the first question is over, answered or not.
func (w *watch) start() (first <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	w.cancel, w.done = cancel, make(chan struct{})
	go func() {
		defer close(w.done)
		w.round(ctx)
		close(over)
		for clock.Sleep(ctx, w.refresh) {
			w.round(ctx)
		}
	}()
	return over
}

// stop ends the goroutine and waits for it.
func (w *watch) stop() {
	w.cancel()
	<-w.done
}

// round asks once.
func (w *watch) round(ctx context.Context) {
	call, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	all, err := w.ask(call)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.fail(err)
	default:
		w.succeed(newAnswer(all))
	}
}

func (w *watch) succeed(a *answer) {
	w.answered = w.now()
	if !slices.Equal(a.all, w.said.Load().all) {
		w.publish(a)
	}
	w.rounds.Add(1)
	if w.health != answering {
		w.health = answering
		w.log.Info("the kubelet tells which pods have GPUs", "devices", len(a.all))
	}
}

func (w *watch) fail(err error) {
	w.failures.Add(1)
	if code := status.Code(err); w.health != failing || w.trouble != code {
		w.health, w.trouble = failing, code
		so := "readings bear no pods until it does"
		if !w.answered.IsZero() {
			so = "what it said last stands for 5 minutes"
		}
		w.log.Warn("the kubelet does not tell which pods have GPUs: "+so, "err", err)
	}
	if w.answered.IsZero() {
		return
	}
	if w.now().Sub(w.answered) < keep {
		w.rounds.Add(1)
		return
	}
	w.answered = time.Time{}
	w.publish(new(answer))
	w.log.Warn("what the kubelet said last stands no longer: readings bear no pods until it answers", "err", err)
}

func (w *watch) publish(a *answer) {
	w.said.Store(a)
	w.devices.Set(float64(len(a.all)))
}
