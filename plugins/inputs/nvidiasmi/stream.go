package nvidiasmi

import (
	"context"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Stream reads one long-lived nvidia-smi. It is an [sdk.Reader].
//
// A goroutine follows the process, stamps rows as they arrive, and starts another process when one ends
// or stalls. It never waits for whoever reads: when a reader falls behind, the oldest frames go, and are
// counted.
type Stream struct {
	config   *Config
	interval time.Duration
	timing   timing
	asked    set // readings that rows give; full documents give the rest

	env      *sdk.Env
	launcher *launcher
	asker    *asker
	fleet    *fleet
	informer *informer
	framer   framer
	lines    *child.Lines
	messages []byte    // what was printed since the last row, cut: it may say why the process ends
	recheck  time.Time // when GPUs that are left out are looked at again; zero where there are none

	packets *child.Mailbox[packet]
	spares  child.Spares[frame]
	noise   *sdk.Number
	dropped *sdk.Number
	starts  *sdk.Number

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// packet is what the following goroutine hands to the reading one: a frame or an error.
type packet struct {
	frame *frame
	err   error
}

// timing holds the durations of a stream, which tests shorten.
type timing struct {
	firstRow time.Duration // a cold start takes up to 15 s
	stall    time.Duration // the least time without a row that counts as a stall; else five intervals
	quiet    time.Duration // how long after the last row expected a frame is handed over
	pauses   child.Pauses  // before a restart
	recheck  time.Duration // how long a GPU on which nvidia-smi fails is left out
}

var defaultTiming = timing{
	firstRow: 30 * time.Second,
	stall:    5 * time.Second,
	quiet:    20 * time.Millisecond,
	pauses:   child.DefaultPauses,
	recheck:  time.Minute,
}

const pending = 32 // frames that may wait for the reader

func newStream(c *Config) *Stream {
	return &Stream{config: c, interval: time.Second, timing: defaultTiming}
}

// Open looks for nvidia-smi and begins to follow it. nvidia-smi prints rows at the input's interval, in
// whole milliseconds.
func (s *Stream) Open(_ context.Context, env *sdk.Env) error {
	if env.Interval > 0 {
		s.interval = max(env.Interval.Round(time.Millisecond), time.Millisecond)
	}
	path, err := Look(s.config.BinPath)
	if err != nil {
		return err
	}
	s.prepare(env, newLauncher(path, env.Meter))
	s.begin()
	return nil
}

func (s *Stream) prepare(env *sdk.Env, l *launcher) {
	s.env, s.launcher = env, l
	s.asker = newAsker(s.config, l, env.Log)
	s.fleet = newFleet(s.config, env.Meter)
	for _, slot := range s.asker.wanted {
		s.asked.add(slot)
	}
	s.packets, s.spares = child.NewMailbox(pending, s.lose), child.NewSpares[frame](pending)
	s.framer = framer{quiet: min(s.timing.quiet, max(s.interval/4, time.Millisecond)), hold: max(s.interval/2, s.timing.quiet)}
	s.noise = noiseCounter(env.Meter)
	s.dropped = env.Meter.Counter("gpuline_nvidia_smi_dropped_rows_total",
		"Rows of nvidia-smi that were dropped because the agent fell behind.")
	s.starts = env.Meter.Counter("gpuline_nvidia_smi_starts_total", "Starts of a streaming nvidia-smi.")
	s.informer = newInformer(s.config, l, env)
}

func (s *Stream) begin() {
	s.lines = s.listen()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wait.Go(func() { s.follow(ctx) })
	if s.informer.every > 0 {
		s.wait.Go(func() { s.informer.run(ctx) })
	}
}

func noiseCounter(m *sdk.Meter) *sdk.Number {
	return m.Counter("gpuline_nvidia_smi_noise_rows_total",
		"Lines of nvidia-smi between rows that are none, such as messages of the driver.")
}

// Close ends nvidia-smi. A process that cannot be killed is left behind after some seconds.
func (s *Stream) Close() error {
	s.cancel()
	s.wait.Wait()
	return nil
}

// Live says that nvidia-smi prints on, whether or not the agent has room.
func (s *Stream) Live() bool { return true }

// Read returns the next frame: most often a row of each GPU.
func (s *Stream) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case p := <-s.packets.C:
			if p.err != nil {
				s.fleet.fail(b, s.env.Now().UnixNano(), isGone(p.err))
				return nil, p.err
			}
			s.unpack(b, p.frame)
		case doc := <-s.informer.results:
			if err := s.fleet.document(b, doc.data, doc.at, &s.asked); err != nil {
				return nil, err
			}
		}
		if b.Len() > 0 {
			return nil, nil
		}
	}
}

func (s *Stream) unpack(b *sdk.Batch, f *frame) {
	s.asked = f.plan.asked
	for _, r := range f.rows {
		s.fleet.begin(b, r.round, r.at, r.whole)
		s.fleet.row(b, f.plan, f.text[r.from:r.to], r.at)
	}
	s.spares.GiveBack(f)
}

func (s *Stream) blankFrame() *frame {
	f := s.spares.Take()
	f.reset()
	return f
}

// lose counts a packet for which there was no room.
func (s *Stream) lose(p packet) {
	if p.frame != nil {
		s.dropped.Add(float64(len(p.frame.rows)))
		s.spares.GiveBack(p.frame)
	}
}
