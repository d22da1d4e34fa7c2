package pipeline

import (
	"sync/atomic"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// acks answers a Reader's Ack once everybody who held it has let go: with the first error, or nil.
// A nil *acks, of an input that wants no answer, takes every call.
type acks struct {
	ack  sdk.Ack
	held atomic.Int64
	err  atomic.Pointer[error]
}

// newAcks returns acks that the caller holds.
func newAcks(ack sdk.Ack) *acks {
	if ack == nil {
		return nil
	}
	a := &acks{ack: ack}
	a.held.Store(1)
	return a
}

// hold lets one more party answer. It returns its release, for a queue to call.
func (a *acks) hold() func(error) {
	if a == nil {
		return nil
	}
	a.held.Add(1)
	return a.release
}

func (a *acks) release(err error) {
	if a == nil {
		return
	}
	if err != nil {
		a.err.CompareAndSwap(nil, &err)
	}
	if a.held.Add(-1) > 0 {
		return
	}
	if first := a.err.Load(); first != nil {
		a.ack(*first)
		return
	}
	a.ack(nil)
}
