package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

const batchLimit = 1000 // metrics

// Read adds the next metrics. A file that cannot be read is an error, once; the next call goes on with
// the file after it. Bad lines are no error: they are logged and counted.
func (r *Replay) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	for ctx.Err() == nil {
		if r.next < len(r.waiting) {
			return nil, r.release(ctx, b)
		}
		if r.file == nil {
			if err := r.openNext(); err != nil {
				return nil, err
			}
			continue
		}
		into := b
		if r.config.Speed > 0 {
			into = r.ahead
			into.Reset()
		}
		n := r.file.decode(ctx, r.decoder, into, r.now, batchLimit)
		r.countBad()
		r.read += n
		switch {
		case n == 0 && ctx.Err() == nil:
			if err := r.closeFile(); err != nil {
				r.failed++
				return nil, err
			}
		case n > 0 && into == b:
			r.moveAll(b)
			return nil, nil
		case n > 0:
			r.takeDrops(b)
			r.waiting, r.next = slices.AppendSeq(r.waiting[:0], r.ahead.All()), 0
		}
	}
	return nil, ctx.Err()
}

// moveAll gives the metrics of b their new time stamps.
func (r *Replay) moveAll(b *sdk.Batch) {
	if !r.config.Now {
		return
	}
	now := r.now()
	for m := range b.All() {
		r.pace.due(m.Time(), now)
		r.pace.move(m)
	}
}

// takeDrops counts in b's tally the rows that could not be added to ahead, because the catalog is full.
func (r *Replay) takeDrops(b *sdk.Batch) {
	for _, d := range r.ahead.Tally().Drops {
		b.Tally().Added += d.Count
		b.Tally().AddDrops(d.Reason, d.Count)
	}
}

// release adds to b what is due of the metrics that wait. Where nothing is, it waits for the first.
func (r *Replay) release(ctx context.Context, b *sdk.Batch) error {
	now := r.now()
	for r.next < len(r.waiting) {
		m := r.waiting[r.next]
		if due := r.pace.due(m.Time(), now); due.After(now) {
			if b.Len() > 0 {
				break
			}
			if !clock.Sleep(ctx, due.Sub(now)) {
				return ctx.Err()
			}
			now = r.now()
		}
		r.pace.move(b.Copy(m))
		r.next++
	}
	return nil
}

// openNext opens the next file. After the last it begins the next round, or ends: with [sdk.ErrEnd] where
// every file was read to its end.
func (r *Replay) openNext() error {
	if len(r.queue) == 0 {
		return r.nextRound()
	}
	name := r.queue[0]
	r.queue = r.queue[1:]
	f, err := openFile(name, r.stdin, r.buf, r.logBad)
	if err != nil {
		r.failed++
		return err
	}
	r.file, r.counted = f, 0
	r.opened++
	r.pace.restart()
	return nil
}

func (r *Replay) nextRound() error {
	switch {
	case r.rounds == 0:
	case r.opened == 0:
		return sdk.Permanent(errors.New("none of the files could be opened"))
	case !r.config.Loop && r.failed > 0:
		return sdk.Permanent(fmt.Errorf("%d of the files could not be read to the end", r.failed))
	case !r.config.Loop:
		return sdk.ErrEnd
	case r.read == 0:
		r.log.Warn("no metric in any file: there is nothing to loop over")
		return sdk.ErrEnd
	}
	r.rounds++
	r.opened, r.failed, r.read = 0, 0, 0
	var err error
	if r.queue, err = expand(r.config.Files); err != nil {
		r.failed++
	}
	return err
}

// closeFile ends the file at work, and returns why it ended early.
func (r *Replay) closeFile() error {
	f := r.file
	r.file, r.buf = nil, f.stream.Buffer()
	if more := f.stream.Bad() - namedErrors; more > 0 {
		r.log.Warn("more bad lines were left out", "file", f.name, "count", more)
	}
	return errors.Join(f.fault(), f.close())
}

// logBad names a bad line.
func (r *Replay) logBad(l lineprotocol.LineError) {
	r.log.Warn("bad line left out", "at", fmt.Sprintf("%s:%d:%d", r.file.name, l.Line, l.Column), "err", l.Message())
}

// countBad brings the counter of bad lines up to date.
func (r *Replay) countBad() {
	if n := r.file.stream.Bad() - r.counted; n > 0 {
		r.badLines.Add(float64(n))
		r.counted += n
	}
}
