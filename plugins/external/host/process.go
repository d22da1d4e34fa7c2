package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// process is a plugin's process, and what go-plugin calls its runner. Its standard input is its lifeline: it
// stays open, and empty, until the process is to end.
type process struct {
	cmd    *exec.Cmd
	words  *words
	mtls   bool // the handshake is to bear a certificate
	stdin  *os.File
	stdout *os.File
	stderr *os.File

	line    *io.PipeReader // the handshake, and nothing else, for go-plugin
	lineEnd *io.PipeWriter

	followers sync.WaitGroup
	exited    chan struct{} // closed once the process has been waited for
	status    error         // how it ended; valid once exited is closed

	mu     sync.Mutex
	pid    int   // 0 before it has started
	killed bool  // also before it has started: then it does not live long
	fault  error // what is wrong with the handshake
}

// number returns the number of the process, or 0 before it has started.
func (p *process) number() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// how long what a process has written last is read for, when a child of it holds the pipe open.
const lastOutput = 200 * time.Millisecond

func newProcess(cmd *exec.Cmd, w *words) *process {
	p := &process{cmd: cmd, words: w, exited: make(chan struct{})}
	p.line, p.lineEnd = io.Pipe()
	return p
}

// Start starts the process in a process group of its own. The thread that starts it stays with it, since
// some systems send the death signal of a child when the thread that started it ends.
func (p *process) Start(context.Context) error {
	near, far, err := pipes()
	if err != nil {
		return fmt.Errorf("pipe to a plugin: %w", err)
	}
	defer far.close()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = far[0], far[1], far[2]
	setGroup(p.cmd)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		killRest(p.cmd.Process.Pid)
		p.status = p.cmd.Wait()
		close(p.exited)
	}()
	if err := <-started; err != nil {
		near.close()
		return err
	}
	p.stdin, p.stdout, p.stderr = near[0], near[1], near[2]
	p.mu.Lock()
	p.pid = p.cmd.Process.Pid
	killed := p.killed
	p.mu.Unlock()
	if killed {
		_ = p.Kill(context.Background())
	}
	p.listen()
	return nil
}

// standard are the ends of a process's standard input, output and error.
type standard [3]*os.File

// pipes makes the pipes to a process: our ends, and those of the process.
func pipes() (near, far standard, err error) {
	for i := range far {
		r, w, err := os.Pipe()
		if err != nil {
			near.close()
			far.close()
			return near, far, err
		}
		if near[i], far[i] = r, w; i == 0 {
			near[i], far[i] = w, r
		}
	}
	return near, far, nil
}

func (s *standard) close() {
	for _, f := range s {
		_ = f.Close() // of a nil file, an error
	}
}

// listen takes what the process says, until it has ended and said all.
func (p *process) listen() {
	heard := make(chan struct{}, 2)
	p.followers.Go(func() {
		p.followStdout()
		heard <- struct{}{}
	})
	p.followers.Go(func() {
		p.words.follow(p.stderr)
		heard <- struct{}{}
	})
	p.followers.Go(func() {
		<-p.exited
		_ = p.stdin.Close()
		defer p.hush()
		late := time.NewTimer(lastOutput)
		defer late.Stop()
		for range cap(heard) {
			select {
			case <-heard:
			case <-late.C: // a process that has left the group holds the pipe open
				return
			}
		}
	})
}

// hush stops listening to the process.
func (p *process) hush() {
	_ = p.stdout.Close()
	_ = p.stderr.Close()
}

// followStdout hands the handshake to go-plugin; all else that is printed is for the log.
func (p *process) followStdout() {
	defer p.lineEnd.Close() //nolint:errcheck // it always works
	shaken := false
	p.words.lines(p.stdout, func(line []byte) {
		if !shaken && isHandshake(line) {
			shaken = true
			known, err := p.checkHandshake(string(line))
			if err != nil {
				p.mu.Lock()
				p.fault = err
				p.mu.Unlock()
				_ = p.lineEnd.Close()
				return
			}
			_, _ = io.WriteString(p.lineEnd, known+"\n")
			return
		}
		p.words.plain(line)
	})
}

// handshakeFault returns what is wrong with what the process said of itself.
func (p *process) handshakeFault() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// release asks the process to end, by its lifeline.
func (p *process) release() {
	if p.number() != 0 {
		_ = p.stdin.Close()
	}
}

// goneWithin reports whether the process ends within d.
func (p *process) goneWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return false
	}
}

// Wait waits for the process.
func (p *process) Wait(context.Context) error {
	<-p.exited
	return p.status
}

// Kill kills the whole group, and returns at once.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	select {
	case <-p.exited: // the number may be another group's
		return nil
	default:
	}
	if p.pid == 0 {
		return nil
	}
	return killGroup(p.pid)
}

// join waits for what reads the output of a process that has ended.
func (p *process) join() { p.followers.Wait() }

// ended says how the process ended.
func (p *process) ended() error {
	select {
	case <-p.exited:
	default:
		return errors.New("the process runs")
	}
	how := "ended by itself"
	if p.status != nil {
		how = p.status.Error()
	}
	if last := p.words.last(); last != "" {
		return fmt.Errorf("the plugin's process %d: %s; its last words: %s", p.number(), how, last)
	}
	return fmt.Errorf("the plugin's process %d: %s", p.number(), how)
}

// What else go-plugin asks of a runner.

func (p *process) Stdout() io.ReadCloser { return p.line }
func (p *process) Stderr() io.ReadCloser { return &untilExit{p} }
func (p *process) Name() string          { return p.cmd.Path }

func (p *process) Diagnose(context.Context) string { return "" }

func (p *process) ID() string {
	return strconv.Itoa(p.number())
}

func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// untilExit is an empty stream that ends with the process.
type untilExit struct{ p *process }

func (u *untilExit) Read([]byte) (int, error) {
	<-u.p.exited
	return 0, io.EOF
}

func (u *untilExit) Close() error { return nil }
