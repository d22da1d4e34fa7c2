package pipeline

import (
	"context"
	"errors"
	"fmt"
)

// crew runs inputs, each on a goroutine, and knows which have not ended. One goroutine owns it.
type crew struct {
	ended   chan *input
	running map[*input]context.CancelFunc
	left    bool // some of them behind
}

func newCrew() *crew {
	return &crew{ended: make(chan *input), running: make(map[*input]context.CancelFunc)}
}

// start runs an input until ctx ends or the input does.
func (c *crew) start(ctx context.Context, in *input) {
	ctx, stop := context.WithCancel(ctx)
	c.running[in] = stop
	go func() {
		if err := in.run(ctx); err != nil {
			in.fault.Store(&err)
		}
		select {
		case c.ended <- in:
		case <-in.abandon:
		}
	}()
}

// note takes the end of an input that was received from ended.
func (c *crew) note(in *input) {
	stop, known := c.running[in]
	if !known { // left behind, and back after all
		return
	}
	stop()
	delete(c.running, in)
}

// lasting counts the inputs without the agent's own figures, which never end.
func (c *crew) lasting() (n int) {
	for in := range c.running {
		if in.plan.Name != selfName {
			n++
		}
	}
	return n
}

// stop asks all inputs to end.
func (c *crew) stop() {
	for _, stop := range c.running {
		stop()
	}
}

// leave leaves those behind that have not ended and are meant: whatever they still read is dropped.
func (c *crew) leave(meant func(*input) bool) {
	for in := range c.running {
		if meant(in) {
			c.leaveBehind(in)
		}
	}
}

var errLeft = errors.New("did not end in time")

// leaveBehind does so with one of them.
func (c *crew) leaveBehind(in *input) {
	in.log.Error("an input does not end; it is left behind")
	err := fmt.Errorf("%s %w", in.name, errLeft)
	in.fault.Store(&err)
	c.left = true
	close(in.abandon)
	c.running[in]()
	delete(c.running, in)
}
