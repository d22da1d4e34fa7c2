package nvidiasmi

import (
	"context"
	"log/slog"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// informer reads the full document now and then, beside a stream or between queries, so that neither
// waits for it.
type informer struct {
	launcher *launcher
	every    time.Duration
	now      func() time.Time
	log      *slog.Logger
	results  chan fullDocument // the newest alone
}

type fullDocument struct {
	data []byte
	at   int64
}

func newInformer(c *Config, l *launcher, env *sdk.Env) *informer {
	return &informer{launcher: l, every: c.InfoInterval, now: env.Now, log: env.Log, results: make(chan fullDocument, 1)}
}

// documentTimeout bounds one run: a cold start takes up to 15 s.
const documentTimeout = 30 * time.Second

// run works until ctx ends.
func (i *informer) run(ctx context.Context) {
	for {
		if data, err := i.read(ctx); err == nil {
			select {
			case <-i.results:
			default:
			}
			i.results <- fullDocument{data, i.now().UnixNano()}
		} else if ctx.Err() == nil {
			i.log.Warn("cannot read processes, settings and error counters", "error", err)
		}
		if !clock.Sleep(ctx, i.every) {
			return
		}
	}
}

func (i *informer) read(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	data, err := i.launcher.run(ctx, nil, "-q", "-x")
	return data, tolerable(err)
}
