package host

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// output is an external output. Only the plugin's answer counts: a batch whose plugin has gone meanwhile is
// written again, and one over which it has gone twice is put aside.
type output struct {
	*life
	deadLetter string
	strikes    strikes
}

// Write has the plugin deliver b.
func (o *output) Write(ctx context.Context, b *sdk.Batch) error {
	s, err := o.await(ctx)
	if err != nil {
		if errors.Is(err, sdk.ErrPermanent) { // it would drop the batch, and the operator can still mend it
			return fmt.Errorf("the plugin will not be started again: %v", err) //nolint:errorlint // on purpose
		}
		return err
	}
	err = checkRejected(s.write(ctx, b), b)
	var large *wire.RowError
	if errors.As(err, &large) {
		err = writeFit(ctx, s, b)
	}
	if !isLoss(s, err) {
		return err
	}
	if ctx.Err() == nil && o.strikes.count(b) >= maxStrikes {
		o.strikes = strikes{}
		return o.putAside(b, err)
	}
	return fmt.Errorf("the plugin has failed over a batch: %w", err)
}

// checkRejected keeps what a plugin says of rows within the batch. Which other rows it has delivered nobody knows where
// it rejects some that there are not.
func checkRejected(err error, b *sdk.Batch) error {
	var partial *sdk.PartialError
	if !errors.As(err, &partial) {
		return err
	}
	for _, i := range partial.Rejected {
		if i >= b.Len() {
			return fmt.Errorf("%w: it rejects row %d of %d", errWire, i, b.Len())
		}
	}
	return err
}

// writeFit writes the rows that are not too large for the protocol, and rejects the others.
func writeFit(ctx context.Context, s *session, b *sdk.Batch) error {
	rest := sdk.NewBatch(b.Catalog())
	var places, rejected []int // of the rows in rest; of the others
	i := 0
	for m := range b.All() {
		if s.encoder.Fits(m) {
			rest.Copy(m)
			places = append(places, i)
		} else {
			rejected = append(rejected, i)
		}
		i++
	}
	rest.ID = b.ID
	err := checkRejected(s.write(ctx, rest), rest)
	var partial *sdk.PartialError
	if err != nil && !errors.As(err, &partial) {
		return err
	}
	all := &sdk.PartialError{Rejected: rejected, Err: errors.New("the metric is too large for the plugin protocol")}
	if partial != nil {
		for _, i := range partial.Rejected {
			all.Rejected = append(all.Rejected, places[i])
		}
	}
	return all
}

// maxDeadLetters bounds the file of a plugin's dead letters.
const maxDeadLetters = 64 << 20

// putAside gives a batch up over which the plugin has failed again and again.
func (o *output) putAside(b *sdk.Batch, cause error) error {
	e := &sdk.PartialError{Err: fmt.Errorf("the plugin has failed over the batch %d times: %w", maxStrikes, cause)}
	for i := range b.Len() {
		e.Rejected = append(e.Rejected, i)
	}
	if o.deadLetter == "" {
		return e
	}
	if err := appendLetter(o.deadLetter, b); err != nil {
		e.Err = errors.Join(e.Err, err)
		return e
	}
	e.DeadLettered = true
	return e
}

func appendLetter(path string, b *sdk.Batch) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the file of dead letters: %w", err)
	}
	frame := record.Append(nil, b)
	info, err := f.Stat()
	if err == nil && info.Size()+int64(len(frame)) > maxDeadLetters {
		err = fmt.Errorf("%s is full: it takes no more than %d MiB", path, maxDeadLetters>>20)
	}
	if err == nil {
		_, err = f.Write(frame)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write to the file of dead letters: %w", err)
	}
	return nil
}

// strikes counts how often the plugin has failed over one batch.
type strikes struct {
	id    sdk.BatchID
	batch *sdk.Batch
	n     int
}

const maxStrikes = 2

func (s *strikes) count(b *sdk.Batch) int {
	if s.batch != b || s.id != b.ID {
		*s = strikes{id: b.ID, batch: b}
	}
	s.n++
	return s.n
}
