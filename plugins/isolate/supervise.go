package isolate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// One child that cannot be killed is replaced. With two of them a driver is beyond hope.
const maxAbandoned = 1

var errStuck = errors.New("two child processes hang in the kernel and cannot be killed: no other is started until one of them ends (see `dmesg`; a GPU or the host needs a reset)")

// start starts a child and waits until its plugin is open.
func (in *Input) start(ctx context.Context) (*session, error) {
	if in.prune(); len(in.left) > maxAbandoned {
		return nil, errStuck
	}
	in.order.Now = in.env.Now().UnixNano()
	child, err := in.env.Launch(Command)
	if err != nil {
		return nil, fmt.Errorf("start a child process: %w", err)
	}
	s := in.begin(child)
	select {
	case <-s.opened:
	case <-s.over:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // the child, too, is about to say so
			closedWithin(s.over, in.order.Timeout/4)
		}
	}
	switch {
	case s.isOpen():
		in.env.Log.Debug("child process started", "pid", child.PID)
		return s, nil
	case isClosed(s.over):
		in.end(s, false)
		return nil, s.verdict()
	}
	in.end(s, true)
	return nil, fmt.Errorf("the child process %d did not open the plugin in time: %w", child.PID, ctx.Err())
}

// supervise keeps a child at work until ctx ends, or the plugin does for good.
func (in *Input) supervise(ctx context.Context, s *session) {
	pause := time.Duration(0)
	for s != nil {
		kill, cause := in.watch(ctx, s)
		in.end(s, kill)
		if ctx.Err() != nil {
			return
		}
		if cause == nil {
			cause = s.verdict()
		}
		lived := time.Since(s.began)
		if lived >= in.timing.healthy {
			pause = 0
		}
		s, pause = in.replace(ctx, cause, lived, pause)
	}
}

// replace reports why a child ended and starts another, again and again. It returns nil where the plugin
// has ended for good, or ctx has.
func (in *Input) replace(ctx context.Context, cause error, lived, pause time.Duration) (*session, time.Duration) {
	for {
		switch {
		case errors.Is(cause, sdk.ErrEnd), errors.Is(cause, sdk.ErrPermanent):
			in.inbox.end(cause)
			return nil, 0
		case errors.Is(cause, ErrFresh) && lived >= in.timing.fresh:
			in.env.Log.Info("the child process is replaced by a fresh one", "why", cause)
		default:
			_ = in.inbox.put(item{err: fmt.Errorf("%w; the child process is replaced", cause)})
			pause = min(max(2*pause, in.timing.pause), in.timing.longest)
			if !clock.Sleep(ctx, pause) {
				return nil, 0
			}
		}
		lived = 0
		in.restarts.Add(1)
		bounded, cancel := context.WithTimeout(ctx, in.order.Timeout)
		s, err := in.start(bounded)
		cancel()
		if err == nil {
			return s, pause
		}
		if ctx.Err() != nil {
			return nil, 0
		}
		cause = err
	}
}

// watch returns when the child has ended, or must: whether it is to be killed, and the cause where the child
// does not know it.
func (in *Input) watch(ctx context.Context, s *session) (kill bool, cause error) {
	timeout := in.order.Timeout
	interval := min(in.timing.beat, timeout/4)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var told time.Time
	looked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case <-s.over:
			return false, nil
		case <-s.child.Exited:
			closedWithin(s.over, in.timing.end) // what it has written is still to be read
			return false, nil
		case err := <-s.condemned:
			return true, err
		case <-ticker.C:
		}
		in.prune()
		now := time.Now()
		late := now.Sub(looked) > 2*interval+time.Second // this process stood still itself, and so has heard nothing
		if looked = now; late {
			s.beat.Store(int64(now.Sub(s.began)))
			continue
		}
		hang := s.hang()
		switch {
		case hang > 2*timeout:
			return true, fmt.Errorf("a call in the child process %d has not returned for %v", s.child.PID, hang.Round(time.Millisecond))
		case hang <= timeout:
			told = time.Time{}
		case told.IsZero() || now.Sub(told) >= in.timing.remind:
			if told.IsZero() {
				in.stuck.Add(1)
			}
			told = now
			in.env.Log.Error("a call in the child process is stuck", "pid", s.child.PID, "for", hang.Round(time.Millisecond), "timeout", timeout)
		}
	}
}

// end sees a child off: it is asked to end, unless it is to be killed at once, then killed, and left behind
// if it outlives that.
func (in *Input) end(s *session, kill bool) {
	_ = s.child.Stdin.Close()
	if kill || !s.goneWithin(in.timing.end) {
		_ = s.child.Kill()
		if !s.goneWithin(in.timing.end) {
			in.env.Log.Error("a child process does not die of SIGKILL, since it hangs in the kernel; it is left behind", "pid", s.child.PID)
			in.left = append(in.left, s.child)
		}
	}
	_ = s.child.Stdout.Close()
	_ = s.child.Stderr.Close()
	s.readers.Wait()
	in.memory.Set(0)
	in.prune()
}

// prune forgets abandoned children that have ended after all.
func (in *Input) prune() {
	in.left = slices.DeleteFunc(in.left, func(c *sdk.Child) bool { return isClosed(c.Exited) })
	in.abandoned.Set(float64(min(len(in.left), maxAbandoned)))
}
