package child

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Child is one run of a program, the leader of its own process group. One goroutine reads from it.
type Child struct {
	cmd    *exec.Cmd
	out    *os.File // its standard output
	errors capped
	exited chan struct{} // closed once it has been reaped
	status error         // of Wait; valid once exited is closed

	mu    sync.Mutex
	limit time.Time // no read waits longer; zero for none
}

// reap ends with the process. Whoever still holds its output open gets no more than drain to write.
func (c *Child) reap(drain time.Duration) {
	c.status = c.cmd.Wait()
	close(c.exited)
	c.limitReads(time.Now().Add(drain))
}

// hasExited reports whether the process has ended.
func (c *Child) hasExited() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

func (c *Child) exitsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.exited:
		return true
	case <-t.C:
		return false
	}
}

// read fills p with what the process prints, until the deadline at the latest. A process that is gone ends
// the reading soon after, also when a child of its own holds the pipe open.
func (c *Child) read(p []byte, deadline time.Time) (int, error) {
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

// isHeld reports whether reading ended because time was up, not because everybody closed the pipe. Of a
// child that has exited, it means that a process of its group holds the pipe open.
func isHeld(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// limitReads lets no read, present or future, wait longer than until t.
func (c *Child) limitReads(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit.IsZero() || t.Before(c.limit) {
		c.limit = t
		_ = c.out.SetReadDeadline(t)
	}
}

// interrupt ends a read that waits, and keeps others from waiting, when ctx ends. The caller calls forget
// when it no longer reads.
func (c *Child) interrupt(ctx context.Context) (forget func() bool) {
	return context.AfterFunc(ctx, func() { c.limitReads(time.Unix(0, 1)) })
}

// Stderr returns the beginning of what the process has written to its standard error so far.
func (c *Child) Stderr() []byte { return c.errors.bytes() }

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
