// Package child runs other people's programs for inputs: it starts them, reads what they print against a
// deadline, starts them anew when they end, and gets rid of them also when they hang in a driver.
package child

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

// Launcher starts one program, again and again, and gets rid of its processes. A process that hangs in a
// driver does not die of SIGKILL: the launcher abandons it and never waits for it. It lets at most one such
// process be, and starts nothing while there are two, since each holds a lock or a page of the driver. Its
// fields may be changed before the first start; its methods are safe for concurrent use.
type Launcher struct {
	Patience Patience
	Kill     func(group int, s syscall.Signal) error // sends a signal to a process group; tests replace it

	name, path, remedy string
	abandoned          *sdk.Number

	mu    sync.Mutex
	stuck int
}

// Patience bounds how long a [Launcher] waits.
type Patience struct {
	Exit  time.Duration // for the end of a process that has closed its output: some drivers shut devices down then
	Term  time.Duration // after SIGTERM
	Kill  time.Duration // after SIGKILL, before the process is abandoned
	Drain time.Duration // for the rest of the output, once the process is gone
}

var defaultPatience = Patience{Exit: 15 * time.Second, Term: 500 * time.Millisecond, Kill: 2 * time.Second, Drain: 500 * time.Millisecond}

const maxAbandoned = 1

// ErrStuck says that nothing is started while two processes of the program hang.
var ErrStuck = errors.New("two processes hang in the kernel and cannot be killed: no other is started until one of them ends")

// NewLauncher returns a launcher of the program at path, which messages call name. remedy is what an
// operator can do about processes that nothing kills. abandoned counts those.
func NewLauncher(name, path, remedy string, abandoned *sdk.Number) *Launcher {
	return &Launcher{
		Patience: defaultPatience,
		Kill:     func(group int, s syscall.Signal) error { return syscall.Kill(-group, s) },
		name:     name, path: path, remedy: remedy, abandoned: abandoned,
	}
}

// Start starts the program with its output in a pipe, as the leader of a process group of its own. It
// inherits the agent's environment, with LC_ALL=C.
func (l *Launcher) Start(args ...string) (*Child, error) {
	if l.Stuck() > maxAbandoned {
		return nil, fmt.Errorf("start %s: %w (%s)", l.name, ErrStuck, l.remedy)
	}
	out, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	c := &Child{cmd: exec.CommandContext(context.Background(), l.path, args...), out: out, exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = w, &c.errors
	c.cmd.Env = append(os.Environ(), "LC_ALL=C")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = l.Patience.Drain
	err = c.cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = out.Close()
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	go c.reap(l.Patience.Drain)
	return c, nil
}

// Stop ends a child with its whole process group and reports whether it is gone. It takes no longer than
// the launcher's patience.
func (l *Launcher) Stop(c *Child) bool {
	defer func() { _ = c.out.Close() }()
	group := c.cmd.Process.Pid
	if !c.hasExited() {
		_ = l.Kill(group, syscall.SIGTERM)
		c.exitsWithin(l.Patience.Term)
	}
	_ = l.Kill(group, syscall.SIGKILL) // those, too, that the program has started, and that outlive it
	if c.exitsWithin(l.Patience.Kill) {
		return true
	}
	l.abandon(c)
	return false
}

// abandon leaves a process behind that will end when the driver lets it.
func (l *Launcher) abandon(c *Child) {
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

// Stuck returns how many abandoned processes have not ended yet.
func (l *Launcher) Stuck() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stuck
}

// Finish takes leave of a child that no more is to be read from, and says how it went: nil for status 0,
// an [*ExitError] for another one. A process of its group that still holds the pipe open is killed, which
// the caller knows from [isHeld].
func (l *Launcher) Finish(ctx context.Context, c *Child, held bool) error {
	bounded, cancel := context.WithTimeout(ctx, l.Patience.Exit)
	defer cancel()
	select {
	case <-c.exited:
	case <-bounded.Done():
	}
	if !c.hasExited() {
		l.Stop(c)
		return fmt.Errorf("%s closed its output and did not end", l.name)
	}
	if held {
		_ = l.Kill(c.cmd.Process.Pid, syscall.SIGKILL)
	}
	_ = c.out.Close()
	var exit *exec.ExitError
	switch {
	case c.status == nil, errors.Is(c.status, exec.ErrWaitDelay):
		return nil
	case errors.As(c.status, &exit):
		return &ExitError{Name: l.name, Code: exit.ExitCode(), Stderr: c.Stderr()}
	}
	return fmt.Errorf("wait for %s: %w", l.name, c.status)
}

// ExitError says that a program ended with another status than 0.
type ExitError struct {
	Name   string
	Code   int    // -1 when a signal ended it
	Stderr []byte // the beginning of what it wrote there
}

func (e *ExitError) Error() string {
	if e.Code < 0 {
		return e.Name + " was ended by a signal"
	}
	return fmt.Sprintf("%s ended with status %d", e.Name, e.Code)
}

// Run runs the program to its end and appends what it prints to buf. It returns soon after ctx has ended,
// whatever the process does. Its errors are those of [Launcher.Finish], and the context's cause.
func (l *Launcher) Run(ctx context.Context, buf []byte, args ...string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	c, err := l.Start(args...)
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
			l.Stop(c)
			return buf, fmt.Errorf("%s printed more than %d bytes", l.name, maxOutput)
		case err == nil:
		case ctx.Err() != nil:
			l.Stop(c)
			return buf, fmt.Errorf("wait for %s: %w", l.name, context.Cause(ctx))
		default:
			return buf, l.Finish(ctx, c, isHeld(err))
		}
	}
}

const maxOutput = 64 << 20
