package sdktest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// outputStream is what an agent sends, in small: samples, results, an event, info, annotations, all
// types, and a metric that a window has absorbed.
const outputStream = `
	gpu,gpu_index=0,gpu_uuid=GPU-0,host=a power_watts=300.5,memory_used_bytes=1024u,up=1i,energy_joules=5.5 1700000000000000000 absorbed
	gpu,gpu_index=1,gpu_uuid=GPU-1,host=a power_watts=310,memory_used_bytes=2048u,up=1i 1700000000000000000
	gpu,gpu_index=0,gpu_uuid=GPU-0,host=a,window=10s power_watts_mean=300.5,power_watts_max=301,power_watts_max_time=1699999999500000000i 1700000000000000000 class=result notes=alert=hot origin=gpu,gpu_index=0,gpu_uuid=GPU-0,host=a
	gpu_event,code=79,event=xid,gpu_index=0,severity=critical message="fell off the bus, \"quoted\"" 1700000000500000000 class=event
	gpu_info,gpu_index=0,gpu_uuid=GPU-0 driver="595.45",persistence=true 1700000000000000000 class=info
	gpu,gpu_index=0,gpu_uuid=GPU-0,host=a power_watts=302,memory_used_bytes=1024u,up=1i 1700000001000000000
`

// TestOutput checks that the output that build makes keeps the contract, with a far end that takes
// everything. build may return outputs that share that far end.
//
// It checks that Write leaves the batch as it is, takes an empty batch, the same batch again and rows
// that the far end may not know how to hold (without fields, with hundreds of them, NaN, line breaks,
// times before 1970), that it refuses such rows, if it does, by a [*sdk.PartialError] with right
// positions and not by an error that would be tried for ever, that it returns when its context has ended,
// and that no goroutine is left after Close.
func TestOutput(t *testing.T, build func(t testing.TB) sdk.Output) {
	t.Helper()
	across(t, func(t *testing.T, l *link) {
		f := func(name string, check func(t *testing.T, write func(context.Context, *sdk.Batch) error)) {
			t.Run(name, func(t *testing.T) {
				o := build(t)
				start(t, o, l)
				check(t, func(ctx context.Context, b *sdk.Batch) (err error) {
					within(t, "Write", func() { err = writeOnce(ctx, t, o, l, b) })
					return err
				})
			})
		}
		f("writes", func(t *testing.T, write func(context.Context, *sdk.Batch) error) {
			b := Batch(t, l.near, outputStream)
			b.ID = sdk.BatchID{Agent: "testhost", Epoch: 1, Seq: 1}
			for range 2 {
				if err := write(t.Context(), b); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
		f("empty", func(t *testing.T, write func(context.Context, *sdk.Batch) error) {
			if err := write(t.Context(), sdk.NewBatch(l.near)); err != nil {
				t.Errorf("Write of an empty batch: %v", err)
			}
		})
		f("context", func(t *testing.T, write func(context.Context, *sdk.Batch) error) {
			b := Batch(t, l.near, outputStream)
			_ = write(cancelled(t), b) // may fail, or be fast enough
			if err := write(t.Context(), b); err != nil {
				t.Errorf("Write after one whose context had ended: %v", err)
			}
		})
		f("hostile rows", func(t *testing.T, write func(context.Context, *sdk.Batch) error) {
			b := sdk.NewBatch(l.near)
			Parse(t, b, outputStream)
			AddHostile(b)
			checkRejection(t, b, write(t.Context(), b))
			for m := range b.All() {
				one := sdk.NewBatch(l.near)
				one.Copy(m)
				checkRejection(t, one, write(t.Context(), one))
			}
		})
		t.Run("unused", func(t *testing.T) { start(t, build(t), l) })
	})
}

// writeOnce writes b and checks that it stays what it was, in the process of the output, too.
func writeOnce(ctx context.Context, t *testing.T, o sdk.Output, l *link, b *sdk.Batch) error {
	same := func(b *sdk.Batch, do func() error) error {
		before, tally, id := DumpFull(b), countsOf(b), b.ID
		err := do()
		if d := differ(before, DumpFull(b)); d != "" {
			t.Errorf("Write has changed the batch: -before +after\n%s", d)
		}
		if after := countsOf(b); !reflect.DeepEqual(tally, after) || id != b.ID {
			t.Errorf("Write has changed the tally or the id of the batch: %+v, %v became %+v, %v", tally, id, after, b.ID)
		}
		return err
	}
	return same(b, func() error {
		return l.call(t, b, func(b *sdk.Batch) error {
			return same(b, func() error { return o.Write(ctx, b) })
		})
	})
}

func countsOf(b *sdk.Batch) sdk.Tally {
	y := *b.Tally()
	y.Drops = slices.Clone(y.Drops)
	return y
}

// checkRejection checks an answer to a batch of which some rows cannot be delivered.
func checkRejection(t *testing.T, b *sdk.Batch, err error) {
	t.Helper()
	var partial *sdk.PartialError
	switch {
	case err == nil:
	case errors.As(err, &partial):
		if len(partial.Rejected) == 0 || partial.Err == nil {
			t.Errorf("a PartialError names rows and a reason; this one %d rows and %v", len(partial.Rejected), partial.Err)
		}
		for i, row := range partial.Rejected {
			if row < 0 || row >= b.Len() || i > 0 && row <= partial.Rejected[i-1] {
				t.Errorf("rejected rows %v of %d: positions grow and lie in the batch", partial.Rejected, b.Len())
				break
			}
		}
	default:
		t.Errorf("a row that cannot be delivered is named by a *sdk.PartialError; this error holds up the queue: %v\n%q", err, Dump(b))
	}
}
