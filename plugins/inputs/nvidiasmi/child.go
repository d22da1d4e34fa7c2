package nvidiasmi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// launcher starts nvidia-smi and gets rid of it. A process that hangs in the driver does not die of
// SIGKILL: the launcher abandons it and never waits for it. It lets at most one such process be, and
// starts nothing while there are two, since each holds a lock or a page of the driver.
type launcher struct {
	path      string
	patience  patience
	kill      func(group int, s syscall.Signal) error
	abandoned *sdk.Number

	mu    sync.Mutex
	stuck int
}

// patience bounds how long the launcher waits for what.
type patience struct {
	exit  time.Duration // once it has closed its output: without nvidia-persistenced the driver shuts the GPUs down then
	term  time.Duration // after SIGTERM
	kill  time.Duration // after SIGKILL, before the process is abandoned
	drain time.Duration // for the rest of the output, once the process is gone
}

var defaultPatience = patience{exit: 15 * time.Second, term: 500 * time.Millisecond, kill: 2 * time.Second, drain: 500 * time.Millisecond}

const maxAbandoned = 1

var errStuck = errors.New("two nvidia-smi processes hang in the driver and cannot be killed: no other is started until one of them ends (see `dmesg`; a GPU or the host needs a reset)")

func newLauncher(path string, meter *sdk.Meter) *launcher {
	return &launcher{
		path:     path,
		patience: defaultPatience,
		kill:     func(group int, s syscall.Signal) error { return syscall.Kill(-group, s) },
		abandoned: meter.Counter("gpuline_nvidia_smi_abandoned_total",
			"Processes of nvidia-smi that could not be killed and were left behind."),
	}
}

// child is one run of nvidia-smi, the leader of its own process group.
type child struct {
	cmd    *exec.Cmd
	out    *os.File // its standard output
	errors capped
	exited chan struct{} // closed once it has been reaped
	status error         // of Wait; valid once exited is closed

	mu    sync.Mutex
	limit time.Time // no read waits longer; zero for none
}

func (l *launcher) start(args ...string) (*child, error) {
	l.mu.Lock()
	stuck := l.stuck
	l.mu.Unlock()
	if stuck > maxAbandoned {
		return nil, errStuck
	}
	out, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start nvidia-smi: %w", err)
	}
	c := &child{cmd: exec.CommandContext(context.Background(), l.path, args...), out: out, exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = w, &c.errors
	c.cmd.Env = append(os.Environ(), "LC_ALL=C")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = l.patience.drain
	err = c.cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("start nvidia-smi: %w", err)
	}
	go c.reap(l.patience.drain)
	return c, nil
}

// reap ends with the process. Whoever still holds its output open gets no more than drain to write.
func (c *child) reap(drain time.Duration) {
	c.status = c.cmd.Wait()
	close(c.exited)
	c.limitReads(time.Now().Add(drain))
}

func (c *child) hasExited() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// read fills p, until the deadline at the latest. A process that is gone ends the reading soon after,
// also when a child of its own holds the pipe open.
func (c *child) read(p []byte, deadline time.Time) (int, error) {
	c.mu.Lock()
	if !c.limit.IsZero() && c.limit.Before(deadline) {
		deadline = c.limit
	}
	err := c.out.SetReadDeadline(deadline)
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return c.out.Read(p)
}

// limitReads lets no read, present or future, wait longer than until t.
func (c *child) limitReads(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit.IsZero() || t.Before(c.limit) {
		c.limit = t
		_ = c.out.SetReadDeadline(t)
	}
}

// interrupt ends a read that waits, and keeps others from waiting, when ctx ends.
func (c *child) interrupt(ctx context.Context) (forget func() bool) {
	return context.AfterFunc(ctx, func() { c.limitReads(time.Unix(0, 1)) })
}

// stop ends a child with its whole process group and reports whether it is gone. It takes no longer than
// the launcher's patience.
func (l *launcher) stop(c *child) bool {
	defer func() { _ = c.out.Close() }()
	group := c.cmd.Process.Pid
	if !c.hasExited() {
		_ = l.kill(group, syscall.SIGTERM)
		if c.exitsWithin(l.patience.term) {
			return true
		}
	}
	_ = l.kill(group, syscall.SIGKILL)
	if c.exitsWithin(l.patience.kill) {
		return true
	}
	l.abandon(c)
	return false
}

func (c *child) exitsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.exited:
		return true
	case <-t.C:
		return false
	}
}

// abandon leaves a process behind that will end when the driver lets it.
func (l *launcher) abandon(c *child) {
	l.abandoned.Add(1)
	l.mu.Lock()
	l.stuck++
	l.mu.Unlock()
	go func() {
		<-c.exited
		l.mu.Lock()
		l.stuck--
		l.mu.Unlock()
	}()
}

// finish takes leave of a child that no more is to be read from, and says how it went. out is what it
// printed. A process of its group that still holds the pipe open is killed.
func (l *launcher) finish(ctx context.Context, c *child, out []byte, held bool) error {
	bounded, cancel := context.WithTimeout(ctx, l.patience.exit)
	defer cancel()
	select {
	case <-c.exited:
	case <-bounded.Done():
	}
	if !c.hasExited() {
		l.stop(c)
		return errors.New("nvidia-smi closed its output and did not end")
	}
	if held {
		_ = l.kill(c.cmd.Process.Pid, syscall.SIGKILL)
	}
	_ = c.out.Close()
	var exit *exec.ExitError
	switch {
	case c.status == nil, errors.Is(c.status, exec.ErrWaitDelay):
		return nil
	case errors.As(c.status, &exit):
		return &ExitError{Code: exit.ExitCode(), Message: message(out, c.errors.bytes()), stderr: c.errors.bytes()}
	}
	return fmt.Errorf("wait for nvidia-smi: %w", c.status)
}

// run runs nvidia-smi to its end and appends what it prints to buf. It returns soon after ctx has ended,
// whatever the process does.
func (l *launcher) run(ctx context.Context, buf []byte, args ...string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	c, err := l.start(args...)
	if err != nil {
		return buf, err
	}
	defer c.interrupt(ctx)()
	for {
		buf = slices.Grow(buf, 16<<10)
		n, err := c.out.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxOutput:
			l.stop(c)
			return buf, fmt.Errorf("nvidia-smi printed more than %d bytes", maxOutput)
		case err == nil:
		case ctx.Err() != nil:
			l.stop(c)
			return buf, fmt.Errorf("wait for nvidia-smi: %w", context.Cause(ctx))
		default:
			return buf, l.finish(ctx, c, buf, isHeld(err))
		}
	}
}

// isHeld reports whether reading ended because time was up, not because everybody closed the pipe.
func isHeld(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

const maxOutput = 64 << 20

// capped keeps the beginning of what is written to it.
type capped struct {
	mu  sync.Mutex
	buf []byte
}

func (c *capped) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = append(c.buf, p[:min(len(p), 4096-len(c.buf))]...)
	return len(p), nil
}

func (c *capped) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf
}
