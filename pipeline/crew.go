package pipeline

import "context"

// crew runs inputs, each on a goroutine, and knows which have not ended. One goroutine owns it.
type crew struct {
	ended   chan *input
	running map[*input]context.CancelFunc
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

// leaveAll leaves all behind that have not ended: whatever they still read is dropped.
func (c *crew) leaveAll() {
	for in := range c.running {
		c.leaveBehind(in)
	}
}

// leaveBehind does so with one of them.
func (c *crew) leaveBehind(in *input) {
	close(in.abandon)
	c.running[in]()
	delete(c.running, in)
}
