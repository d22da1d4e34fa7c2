package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// load is load.py at work. It says a line of JSON when it is ready, and one for each thing that it has done.
type load struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  *bufio.Reader
	said   bytes.Buffer // on its standard error
	answer struct {
		burst
		latencies
		IdleFrom int64 `json:"idle_from"` // Unix nanoseconds: the GPU does nothing from here to the first burst
	}
}

// work starts load.py and waits until it is ready: a context on the GPU takes seconds.
func (b *bench) work(ctx context.Context, args ...string) (*load, error) {
	l := &load{cmd: exec.CommandContext(ctx, b.python, append([]string{b.load}, args...)...)}
	l.cmd.Stderr, l.cmd.Env = &l.said, b.environment()
	l.cmd.WaitDelay = 10 * time.Second
	in, err := l.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l.in, l.lines = in, bufio.NewReader(out)
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	if err := l.next(); err != nil {
		if why := l.end(); why != nil {
			err = why // which tells more than that it said nothing
		}
		return nil, err
	}
	return l, nil
}

// next reads the next line into answer. It returns io.EOF when the load has ended.
func (l *load) next() error {
	line, err := l.lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, &l.answer); err != nil {
		return fmt.Errorf("read what the load printed: %w: %s", err, bytes.TrimSpace(line))
	}
	return nil
}

// ask has a load that takes orders do something, and waits for what it says of it. Why it failed, end tells.
func (l *load) ask(order any) error {
	if _, err := fmt.Fprintln(l.in, order); err != nil {
		return fmt.Errorf("order the load: %w", err)
	}
	if err := l.next(); err != nil {
		return fmt.Errorf("wait for the load: %w", err)
	}
	return nil
}

// end tells the load that there are no more orders, and waits for its end.
func (l *load) end() error {
	_ = l.in.Close()
	_, _ = io.Copy(io.Discard, l.lines)
	if err := l.cmd.Wait(); err != nil {
		return fmt.Errorf("load: %w: %s", err, bytes.TrimSpace(l.said.Bytes()))
	}
	return nil
}
