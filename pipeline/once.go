package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// patience returns how long each read of an input may last in an agent that reads a few times and ends (see
// [Agent.Gathers]); 0 is for as long as it takes. An input that has nothing of its own to tell, such as a listener,
// would keep the agent for ever: it gets the pace and the patience that the operator has given it.
func (in *input) patience() time.Duration {
	if in.once == 0 || in.polled || in.finite || in.live {
		return 0
	}
	return in.plan.Interval + in.plan.Timeout
}

// turn waits for room and then reads into b. Where wait is not 0, both together last no longer than that, and idle
// reports that this time has passed and brought nothing. To run out of it is no error.
func (in *input) turn(ctx context.Context, wait time.Duration, r sdk.Reader, b *sdk.Batch) (ack sdk.Ack, idle bool, err error) {
	bounded := ctx
	if wait > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	if !in.live {
		in.credit(bounded)
	}
	if bounded.Err() == nil || ctx.Err() != nil {
		err = in.protect(func() (err error) {
			ack, err = r.Read(bounded, b)
			return err
		})
	}
	if ctx.Err() == nil && bounded.Err() != nil && (err == nil || errors.Is(err, context.DeadlineExceeded)) {
		return ack, b.Len() == 0, nil
	}
	return ack, false, err
}
