package listener

import (
	"context"
	"math"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// batchLimit is how many metrics Read returns at most, but at the end.
const batchLimit = 5000

// Read waits for something to arrive, and adds it to b: as many requests as find room. Bad lines are no
// error. The Ack answers the requests of which b holds a part. When ctx ends, Read adds what
// nobody will send again: the datagrams that wait, and what streams have sent.
func (l *Listener) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if l.at == nil {
		l.inbox.wait(ctx)
	}
	l.inbox.takeDrops(b.Tally())
	var waiting []*request
	for room := batchLimit; room > 0 && ctx.Err() == nil && l.advance(); {
		n, done := l.at.decode(l.decoder, b, l.unixNow, room)
		room -= n
		if n > 0 {
			waiting = hold(waiting, l.at)
		}
		if done {
			l.finish(b)
		}
	}
	if ctx.Err() != nil {
		l.drain(b)
	}
	return acknowledge(waiting), ctx.Err()
}

// advance makes sure that a request is at work, and reports whether there is one.
func (l *Listener) advance() bool {
	if l.at == nil {
		l.at = l.inbox.next()
	}
	return l.at != nil
}

// hold adds a request that waits for the batch, once.
func hold(waiting []*request, r *request) []*request {
	if r.silent() || len(waiting) > 0 && waiting[len(waiting)-1] == r {
		return waiting
	}
	r.held.Add(1)
	return append(waiting, r)
}

// acknowledge returns the Ack that answers requests; nil for none.
func acknowledge(waiting []*request) sdk.Ack {
	if len(waiting) == 0 {
		return nil
	}
	return func(err error) {
		for _, r := range waiting {
			r.release(err)
		}
	}
}

// finish ends the request at work, all of which is decoded. Bad lines that no client is told of count as read and
// dropped.
func (l *Listener) finish(b *sdk.Batch) {
	r := l.at
	l.at = nil
	bad := r.bad.Count
	if r.stream != nil {
		bad = r.stream.Bad() - r.bad.Count
		r.bad.Count += bad
	}
	l.figures.badLines.Add(float64(bad))
	if r.silent() && bad > 0 {
		b.Tally().Added += uint64(bad)
		b.Tally().AddDrops(sdk.DropInvalid, uint64(bad))
	}
	if r.marks != nil && bad > 0 {
		l.log.Warn("bad lines in datagrams were left out", "count", bad, "first", r.bad.Lines[0].Message())
	}
	l.memory.giveBack(r.data)
	r.data = nil
	if r.stream != nil {
		r.answered <- nil
		return
	}
	r.release(nil)
}

// drain adds all datagrams that wait, and what streams have sent, whatever their number.
func (l *Listener) drain(b *sdk.Batch) {
	all := l.inbox.takeSilent()
	if l.at != nil {
		if !l.at.silent() {
			l.inbox.putBack(l.at)
		} else {
			all = append([]*request{l.at}, all...)
		}
	}
	for _, l.at = range all {
		for done := false; !done; {
			_, done = l.at.decode(l.decoder, b, l.unixNow, math.MaxInt)
		}
		l.finish(b)
	}
	l.at = nil
	l.inbox.takeDrops(b.Tally())
}

func (l *Listener) unixNow() int64 { return l.now().UnixNano() }
