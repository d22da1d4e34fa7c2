package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// leastOwn is the least that an input gets which has something of its own to tell: a driver may take long to wake up.
const leastOwn = 40 * time.Second

// errNothing ends an input that was to be read a few times and told nothing; the log has said so.
var errNothing = errors.New("nothing could be read")

// patience returns how long each read of an input may last in an agent that reads a few times and ends (see
// [Agent.Gathers]); 0 is for as long as it takes. An input that has nothing of its own to tell, such as a listener,
// would keep the agent for ever, and so would a program that hangs: it gets the pace and the patience that the
// operator has given it. Recorded data end, and are waited for.
func (in *input) patience() time.Duration {
	wait := in.plan.Interval + in.plan.Timeout
	switch {
	case in.once == 0 || in.polled || in.finite:
		return 0
	case in.live:
		return max(wait, leastOwn)
	}
	return wait
}

// overdue starts a clock for a call into the input that may heed no context, in an agent that reads a few times and ends:
// one that lasts a quarter longer than the slowest of inputs may take is held to be one that never returns, and the
// input is left behind. The function that it returns stops the clock.
func (in *input) overdue() (stop func() bool) {
	if in.once == 0 || in.finite {
		return func() bool { return false }
	}
	wait := max(in.plan.Interval+in.plan.Timeout, leastOwn)
	return time.AfterFunc(wait+wait/4, func() {
		in.hung.Store(true)
		in.tell()
	}).Stop
}

// turn waits for room and then reads into b. Where wait is not 0, both together last no longer than that, and idle
// reports that this time has passed and brought nothing. To run out of it is no error.
func (in *input) turn(ctx context.Context, wait time.Duration, r sdk.Reader, b *sdk.Batch) (ack sdk.Ack, idle bool, err error) {
	bounded := ctx
	switch {
	case wait > 0:
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	case in.once > 0:
		defer time.AfterFunc(in.plan.Interval+in.plan.Timeout, func() {
			in.log.Info("the input is waited for, however long it takes: recorded data have their own pace, and end; a signal ends the wait")
		}).Stop()
	}
	if !in.live {
		in.credit(bounded)
	}
	if bounded.Err() == nil || ctx.Err() != nil {
		err = in.protect(func() (err error) {
			defer in.overdue()()
			ack, err = r.Read(bounded, b)
			return err
		})
	}
	if ctx.Err() == nil && bounded.Err() != nil && (err == nil || errors.Is(err, context.DeadlineExceeded)) {
		return ack, b.Len() == 0, nil
	}
	return ack, false, err
}

// idled ends an input for which wait has brought nothing: well where others had nothing to send, and badly where it
// should have had something to tell.
func (in *input) idled(wait time.Duration) error {
	if in.live {
		in.log.Error("nothing has come, though the input has something to tell; it ends", "wait", wait)
		return fmt.Errorf("%w within %v", errNothing, wait)
	}
	in.log.Info("nothing has come, or there was no room for it; the input ends", "wait", wait)
	return sdk.ErrEnd
}
