package isolate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// Input is the agent's end of an isolated input: an [sdk.Reader] of what a child process reads.
//
// While it is open, one goroutine keeps a child at work, and two for each child follow its output and its
// log. They never wait for whoever reads: when a reader falls behind, the oldest rows are dropped as
// queue_full, and are in the tally of the next batch.
type Input struct {
	order  order // its mark belongs to whoever follows a child, else to whoever starts the next
	timing timing
	env    *sdk.Env

	inbox  inbox
	mirror mirror
	left   []*sdk.Child // that outlived SIGKILL; of whoever starts children: Open, then supervise

	cancel context.CancelFunc
	wait   sync.WaitGroup

	restarts  *sdk.Number
	abandoned *sdk.Number
	stuck     *sdk.Number
	memory    *sdk.Number
}

// timing holds durations that tests shorten.
type timing struct {
	coalesce time.Duration // rows of several calls go out together
	beat     time.Duration // between a child's signs of life
	end      time.Duration // from the end of its standard input, or from SIGKILL, until a child must be gone
	pause    time.Duration // before the first replacement, doubled each time
	longest  time.Duration // pause
	healthy  time.Duration // after so long the next pause is the first again
	fresh    time.Duration // a child that lived so long and asks for a fresh process gets one at once
	remind   time.Duration // between messages about a call that hangs
}

var defaultTiming = timing{
	coalesce: 250 * time.Millisecond,
	beat:     time.Second,
	end:      time.Second,
	pause:    500 * time.Millisecond,
	longest:  time.Minute,
	healthy:  5 * time.Minute,
	fresh:    10 * time.Second,
	remind:   time.Minute,
}

// defaultTimeout bounds a call where the engine names no timeout.
const defaultTimeout = 5 * time.Second

// New returns an input that runs the plugin called name in a child process, with the given configuration:
// a pointer to what the plugin's definition takes, which does not ask for isolation. It goes to the child
// as JSON; one that would change on the way, as one with secrets does, is an error.
func New(name string, config any) (*Input, error) {
	text, err := encodeConfig(config)
	if err != nil {
		return nil, err
	}
	return &Input{order: order{Version: version, Plugin: name, Config: text}, timing: defaultTiming}, nil
}

// Open starts the first child, and returns once the plugin in it is open, or with the error why it is not.
func (in *Input) Open(ctx context.Context, env *sdk.Env) error {
	if env.Launch == nil {
		return sdk.Permanent(errors.New("this program cannot start a child process of itself: set `isolate = false`"))
	}
	in.prepare(env)
	s, err := in.start(ctx)
	if err != nil {
		return err
	}
	ctx, in.cancel = context.WithCancel(context.Background())
	in.wait.Go(func() { in.supervise(ctx, s) })
	return nil
}

func (in *Input) prepare(env *sdk.Env) {
	in.env = env
	in.inbox.reset(env.Catalog)
	in.mirror = newMirror(env.Meter)
	o := &in.order
	o.Host, o.Level = env.Host, levelOf(env.Log)
	o.Interval, o.Timeout = env.Interval, env.Timeout
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	o.Coalesce, o.Beat = in.timing.coalesce, in.timing.beat
	m := env.Meter
	in.restarts = m.Counter("gpuline_child_restarts_total", "Child processes that were started in place of one that ended or hung.")
	in.abandoned = m.Gauge("gpuline_child_abandoned", "", "Child processes that could not be killed, were replaced, and are still there.")
	in.stuck = m.Counter("gpuline_stuck_total", "Calls that outlived their timeout.")
	in.memory = m.Gauge(memoryName, "bytes", memoryHelp)
	m.Counter(cpuName, cpuHelp)
}

// levelOf returns the level from which on a log takes messages.
func levelOf(log *slog.Logger) slog.Level {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if log.Enabled(context.Background(), l) {
			return l
		}
	}
	return slog.LevelError
}

// Read returns what the child has read since. An error tells of a call that failed in the child, with the
// rows that it had all the same, or of a child that ended.
func (in *Input) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for {
		if it, ok := in.inbox.take(b); ok {
			return nil, in.unpack(b, it)
		}
		select {
		case <-in.inbox.filled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (in *Input) unpack(b *sdk.Batch, it item) error {
	if it.from == nil {
		return it.err
	}
	n, err := record.Decode(it.rows.frame, b)
	if err == nil && n != len(it.rows.frame) {
		err = fmt.Errorf("%w: %d bytes behind the rows", errWire, len(it.rows.frame)-n)
	}
	in.inbox.recycle(it.message)
	if err != nil {
		it.from.condemn(err)
		return fmt.Errorf("rows of the child process: %w", err)
	}
	if it.rows.fault.class != classNone {
		f := it.rows.fault
		return &f
	}
	return nil
}

// Live says that the child reads on, whether or not the agent has room.
func (in *Input) Live() bool { return true }

// Close ends the child. One that does not end is killed, and one that cannot be killed is left behind.
func (in *Input) Close() error {
	in.cancel()
	in.wait.Wait()
	return nil
}
