package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// life keeps a plugin at work, from Open to Close: one goroutine watches the process of the moment and
// replaces it.
type life struct {
	config *Config
	plugin string // its name in the program; "" until it is known
	launch launcher
	timing timing

	env    *sdk.Env
	log    *slog.Logger
	order  *proto.Open
	mirror *mirror
	meters meters
	traits *proto.Traits // of the plugin, as the first process of this Open told them

	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu      sync.Mutex
	current *session
	changed chan struct{} // closed when current changes
	verdict error         // why there will be no other session, or why there is none now
}

func newLife(c *Config, plugin string, launch launcher) *life {
	return &life{config: c, plugin: plugin, launch: launch, timing: defaultTiming}
}

// Open starts the plugin, and returns once it is open, or with the error why it is not.
func (l *life) Open(ctx context.Context, env *sdk.Env) error {
	if err := l.prepare(ctx, env); err != nil {
		return err
	}
	p, s, err := l.start(ctx)
	if err != nil {
		return err
	}
	l.traits = s.answer.GetTraits()
	watched, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.wait.Go(func() { l.watch(watched, p, s) })
	return nil
}

func (l *life) prepare(ctx context.Context, env *sdk.Env) error {
	if l.plugin == "" { // the program could not be asked before
		found := l.config.programs.inspect(ctx, l.config)
		if found.err != nil {
			return found.err
		}
		if len(found.faults) > 0 {
			return permanent("configuration: %w", found.faults[0])
		}
		l.plugin = found.plugin
	}
	config, err := wire.FromConfig(l.config.Config)
	if err != nil {
		return permanent("%w", err)
	}
	l.env = env
	l.log = env.Log.With("program", filepath.Base(l.config.Path))
	l.order = &proto.Open{
		Role: wire.Role(l.config.role), Plugin: l.plugin, Config: config, Host: wire.Clean(env.Host),
		Interval: int64(env.Interval), CallTimeout: int64(env.Timeout), Timeout: int64(l.config.StartTimeout), LogLevel: levelOf(env.Log),
		Limits: wire.Protocol.AsProto(), Capabilities: wire.Capabilities,
	}
	l.mirror = newMirror(env.Meter)
	l.meters = newMeters(env.Meter)
	l.mu.Lock()
	l.current, l.verdict, l.changed = nil, nil, make(chan struct{})
	l.mu.Unlock()
	return nil
}

// levelOf names the level from which on a log takes messages.
func levelOf(log *slog.Logger) string {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if log.Enabled(context.Background(), level) {
			return strings.ToLower(level.String())
		}
	}
	return "error"
}

// start starts a process and opens the plugin in it.
func (l *life) start(ctx context.Context) (*peer, *session, error) {
	p, err := l.launch(ctx, l.log)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.StartTimeout)
	defer cancel()
	s, err := start(ctx, p, l.order, l.env.Catalog, l.mirror.take)
	if err != nil {
		p.end(l.config.StopTimeout / 4)
		return nil, nil, err
	}
	l.mirror.restart()
	l.meters.up.Set(1)
	l.meters.circuit.Set(0)
	l.log.Debug("plugin started", "pid", p.pid)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.verdict = s, nil
	close(l.changed)
	l.changed = make(chan struct{})
	return p, s, nil
}

// lose notes that there is no session now.
func (l *life) lose(why error) {
	l.meters.up.Set(0)
	l.meters.memory.Set(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.verdict = nil, why
	close(l.changed)
	l.changed = make(chan struct{})
}

// now returns the session of the moment, or why there is none, and a channel that is closed when that
// changes.
func (l *life) now() (*session, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.current
	if s != nil && s.why() != nil { // it is over, or about to be
		s = nil
	}
	if s == nil && l.verdict == nil {
		return nil, l.changed, errDown
	}
	return s, l.changed, l.verdict
}

// await waits for a session until ctx ends, or until there will be no other.
func (l *life) await(ctx context.Context) (*session, error) {
	for {
		s, changed, why := l.now()
		if s != nil {
			return s, nil
		}
		if errors.Is(why, sdk.ErrPermanent) || errors.Is(why, errClosed) {
			return nil, why
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", why, ctx.Err())
		}
	}
}

// watch keeps a plugin at work until ctx ends, or there is no use in starting it again.
func (l *life) watch(ctx context.Context, p *peer, s *session) {
	b := breaker{timing: &l.timing}
	for s != nil {
		cause := l.attend(ctx, p, s)
		if ctx.Err() != nil {
			l.finish(p, s)
			return
		}
		lived := time.Since(s.began)
		l.lose(cause)
		s.end(0)
		p.end(0)
		p, s = l.restart(ctx, &b, cause, lived)
	}
}

// restart starts another process in place of one that has failed for a cause, and tries again until one is open. It
// returns nil once ctx has ended, or there is no use in trying.
func (l *life) restart(ctx context.Context, b *breaker, cause error, lived time.Duration) (*peer, *session) {
	for {
		if errors.Is(cause, sdk.ErrPermanent) {
			l.log.Error("the plugin will not be started again until the configuration is reloaded", "err", cause)
			l.lose(cause)
			return nil, nil
		}
		pause, open := b.crashed(time.Now(), lived)
		if open {
			l.meters.circuit.Set(1)
			l.log.Error("the plugin crashes again and again; it is tried now and then", "err", cause, "in", pause)
		} else {
			l.log.Error("the plugin has failed; it will be restarted", "err", cause, "in", pause.Round(time.Millisecond))
		}
		l.lose(fmt.Errorf("%w: %w", errDown, cause))
		if !clock.Sleep(ctx, pause) {
			return nil, nil
		}
		l.meters.restarts.Add(1)
		p, s, err := l.start(ctx)
		if err == nil || ctx.Err() != nil {
			return p, s
		}
		cause, lived = err, 0
	}
}

// attend watches a session at work, and returns why it has ended or must.
func (l *life) attend(ctx context.Context, p *peer, s *session) error {
	ping, look := time.NewTicker(l.timing.ping), time.NewTicker(l.timing.look)
	defer ping.Stop()
	defer look.Stop()
	var usage usage
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.over:
			return s.why()
		case now := <-ping.C:
			if now.Sub(last) > 2*l.timing.ping+time.Second { // this process stood still itself, and so has heard nothing
				s.heard.Store(int64(now.Sub(s.began)))
			}
			last = now
			if err := s.hanging(now, l.config.HangTimeout); err != nil {
				s.fail(err)
				return err
			}
			if s.out.waiting() < maxWaiting {
				s.ping()
			}
		case <-look.C:
			if err := usage.look(p.pid, int64(l.config.MaxMemory), &l.meters); err != nil {
				s.fail(err)
				return err
			}
		}
	}
}

// Pings are held back while so many messages wait.
const maxWaiting = 64

// finish ends a session in order: everybody gets the time to close. An input that reads and whose batches
// are still on their way lives on for a while, so that it learns what has become of them; only Settle waits
// for that.
func (l *life) finish(p *peer, s *session) {
	end := func() {
		s.end(l.config.StopTimeout)
		p.end(l.config.StopTimeout)
	}
	if !s.answer.GetTraits().GetReads() || s.isOver() {
		end()
		return
	}
	settled := s.stop()
	s.discard()
	select {
	case <-settled:
		end()
	default:
		lingering.run(func() {
			s.linger(settled, l.timing.settling)
			end()
		})
	}
}

// Close ends the plugin. It takes no longer than the time that the plugin gets to close, and to end.
func (l *life) Close() error {
	l.cancel()
	l.wait.Wait()
	l.lose(errClosed)
	return nil
}
