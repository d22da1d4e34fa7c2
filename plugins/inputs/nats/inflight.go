package nats

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/natsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// inflight holds the messages of a stream that were received and are not answered yet. A goroutine tells the server that
// they are in progress, and sends the answers: an Ack leaves them to it, since an Ack must not block and sending may.
//
// After close the goroutine is gone, and an Ack sends its answers itself. The last one closes the connection.
type inflight struct {
	conn *natsclient.Conn
	stop chan struct{}
	wake chan struct{}
	less chan struct{} // fewer messages are held
	done sync.WaitGroup

	mu      sync.Mutex
	held    map[jetstream.Msg]struct{}
	answers []answer
	wait    time.Duration // the consumer's AckWait
	most    int           // messages to hold at most
	ended   bool
}

type answer struct {
	message jetstream.Msg
	send    func(jetstream.Msg) error
}

func acknowledge(m jetstream.Msg) error { return m.Ack() }

// rejectedFor is how long a message that could not be delivered rests: the outputs cannot take it right away either.
const rejectedFor = time.Second

// reject has the server deliver m again, to this hub or another.
func (c *inflight) reject(m jetstream.Msg) error {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if ended {
		return m.Nak()
	}
	return m.NakWithDelay(rejectedFor)
}

// lastFlush is how long the last answers may take to reach the server.
const lastFlush = 2 * time.Second

func newInflight(conn *natsclient.Conn) *inflight {
	c := &inflight{
		conn: conn,
		stop: make(chan struct{}),
		wake: make(chan struct{}, 1),
		less: make(chan struct{}, 1),
		held: make(map[jetstream.Msg]struct{}),
		wait: time.Minute,
		most: math.MaxInt,
	}
	c.done.Go(c.run)
	return c
}

// setLimits takes over the consumer's settings: after what time the server gives a message to another hub, and how many
// messages all hubs together may hold. This hub leaves a quarter of those to the others: while its outputs are down, they
// go on.
func (c *inflight) setLimits(wait time.Duration, pending int) {
	c.mu.Lock()
	c.wait, c.most = wait, math.MaxInt
	if pending > 0 {
		c.most = max(pending-pending/4, 1)
	}
	c.mu.Unlock()
	c.signal()
}

// room waits until further messages may be taken, and returns how many. It returns 0 when ctx ends.
func (c *inflight) room(ctx context.Context) int {
	for {
		c.mu.Lock()
		n := c.most - len(c.held)
		c.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-c.less:
		case <-ctx.Done():
			return 0
		}
	}
}

// take adds what was received from a stream.
func (c *inflight) take(all []message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		if all[i].stored != nil {
			c.held[all[i].stored] = struct{}{}
		}
	}
}

// oldest returns the least sequence number of what is held, or next where nothing older is.
func (c *inflight) oldest(next uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.held {
		if meta, err := m.Metadata(); err == nil {
			next = min(next, meta.Sequence.Stream)
		}
	}
	return next
}

// ack returns the Ack for messages whose metrics are in one batch.
func (c *inflight) ack(all []jetstream.Msg) sdk.Ack {
	return func(err error) {
		send := acknowledge
		if err != nil {
			send = c.reject
		}
		c.answer(all, send)
	}
}

// giveBack has the server deliver m again after a pause, to this hub or another.
func (c *inflight) giveBack(m jetstream.Msg, after time.Duration) {
	if m == nil {
		return
	}
	c.answer([]jetstream.Msg{m}, func(m jetstream.Msg) error {
		if after == 0 {
			return m.Nak()
		}
		return m.NakWithDelay(after)
	})
}

// terminate has the server deliver m to nobody any more.
func (c *inflight) terminate(m jetstream.Msg, why error) {
	if m == nil {
		return
	}
	reason := why.Error()
	if len(reason) > 200 {
		reason = reason[:200]
	}
	c.answer([]jetstream.Msg{m}, func(m jetstream.Msg) error { return m.TermWithReason(reason) })
}

func (c *inflight) answer(all []jetstream.Msg, send func(jetstream.Msg) error) {
	if len(all) == 0 {
		return
	}
	c.mu.Lock()
	for _, m := range all {
		delete(c.held, m)
		c.answers = append(c.answers, answer{m, send})
	}
	ended, last := c.ended, len(c.held) == 0
	c.mu.Unlock()
	select {
	case c.less <- struct{}{}:
	default:
	}
	if !ended {
		c.signal()
		return
	}
	c.send()
	if last {
		c.finish()
	}
}

func (c *inflight) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run sends answers as they come, and tells the server in time that what is held is in progress.
func (c *inflight) run() {
	alive := time.NewTimer(time.Hour)
	defer alive.Stop()
	next := time.Now().Add(c.interval())
	for {
		next = earlier(next, time.Now().Add(c.interval()))
		alive.Reset(time.Until(next))
		select {
		case <-c.wake:
			c.send()
		case <-alive.C:
			c.keepAlive()
			next = time.Now().Add(c.interval())
		case <-c.stop:
			c.send()
			return
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (c *inflight) interval() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.wait/3, 10*time.Millisecond)
}

// send sends the answers. One that cannot be sent is none: the server delivers the message again.
func (c *inflight) send() {
	c.mu.Lock()
	all := c.answers
	c.answers = nil
	c.mu.Unlock()
	for _, a := range all {
		_ = a.send(a.message)
	}
}

// keepAlive tells the server that what is held is in progress.
func (c *inflight) keepAlive() {
	c.mu.Lock()
	all := make([]jetstream.Msg, 0, len(c.held))
	for m := range c.held {
		all = append(all, m)
	}
	c.mu.Unlock()
	for _, m := range all {
		_ = m.InProgress() // where it fails, the connection has, and the message may come again
	}
}

// close ends the goroutine, and the connection once nothing is held.
func (c *inflight) close() {
	close(c.stop)
	c.done.Wait()
	c.mu.Lock()
	c.ended = true
	last := len(c.held) == 0
	c.mu.Unlock()
	c.send() // what came between
	if last {
		c.finish()
	}
}

// finish waits until the answers have left, and closes the connection.
func (c *inflight) finish() {
	c.conn.Flush(lastFlush)
	c.conn.Close()
}
