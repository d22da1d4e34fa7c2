package faults

import (
	"bytes"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// process is an agent that is a process, or several in turn.
type process struct {
	t       *testing.T
	command func() *exec.Cmd // of the next one
	cmd     *exec.Cmd
	out     bytes.Buffer
	log     bytes.Buffer // of all of them
}

// startProcess starts an agent, which is killed at the end of the test at the latest.
func startProcess(t *testing.T, command func() *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, command: command}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("an agent says:\n%s", p.log.String())
		}
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.out.Reset()
	p.cmd = p.command()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// tell sends the agent a signal.
func (p *process) tell(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}

// kill ends the process as it is, with whatever it has in hand.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
}

// stop has the agent end, and returns what it has printed.
func (p *process) stop() string {
	p.t.Helper()
	p.tell(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Error(err)
	}
	return strings.TrimSpace(p.out.String())
}
