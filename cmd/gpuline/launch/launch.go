// Package launch starts the running program once more as a child process, and is what the child's main
// does.
package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Self is the [sdk.Launch] of this program.
func Self(args ...string) (*sdk.Child, error) {
	path, err := self()
	if err != nil {
		return nil, err
	}
	var p pipes
	if err := p.open(); err != nil {
		p.close()
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.child[0], p.child[1], p.child[2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := drowsy(cmd.Start); err != nil {
		p.close()
		return nil, fmt.Errorf("start %s %v: %w", os.Args[0], args, err)
	}
	for _, f := range p.child {
		_ = f.Close()
	}
	exited := make(chan struct{})
	var status atomic.Pointer[error]
	go func() {
		err := cmd.Wait()
		status.Store(&err)
		close(exited)
	}()
	group := cmd.Process.Pid
	return &sdk.Child{
		PID:    group,
		Stdin:  p.parent[0],
		Stdout: p.parent[1],
		Stderr: p.parent[2],
		Kill: func() error {
			select {
			case <-exited: // the number may be another group's
				return os.ErrProcessDone
			default:
				return syscall.Kill(-group, syscall.SIGKILL)
			}
		},
		Exited: exited,
		Err: func() error {
			if err := status.Load(); err != nil {
				return *err
			}
			return errors.New("not ended")
		},
	}, nil
}

// pipes are the ends of a child's standard streams, in their order.
type pipes struct{ child, parent [3]*os.File }

func (p *pipes) open() error {
	for i := range p.child {
		r, w, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("pipe to a child process: %w", err)
		}
		if i == 0 {
			p.child[i], p.parent[i] = r, w
		} else {
			p.child[i], p.parent[i] = w, r
		}
	}
	return nil
}

func (p *pipes) close() {
	for i := range p.child {
		_ = p.child[i].Close() // of a nil file, an error
		_ = p.parent[i].Close()
	}
}
