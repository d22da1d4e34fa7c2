// Package queue holds what waits for an output, bounded in bytes. A queue cuts the stream into batches:
// rows are copied to its end until a batch is full or old enough, and the batch stays at its head until
// the output has done with it.
package queue

import (
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Limits bound a queue.
type Limits struct {
	MaxBytes      int
	MaxAge        time.Duration // batches older than this are dropped as expired; 0 for no bound
	BatchSize     int           // rows in a batch, at most
	FlushInterval time.Duration // a batch that is not full waits so long for more
	KeepOldest    bool          // when full, drop what arrives instead of what has waited longest
}

// DropExpired is the reason for batches that outlived Limits.MaxAge.
const DropExpired sdk.Reason = "expired"

// Source says where rows come from.
type Source struct {
	// Held rows come from an input that waits for room before it reads on. They are never dropped for
	// lack of room: their input is made to wait instead.
	Held bool
	// Ack, if not nil, is called once: with nil when the rows are out of the queue for good, with an
	// error when they were given up because the agent ends.
	Ack func(error)
}

// Outcome says what became of the batch at a queue's head.
type Outcome struct {
	Delivered    uint64
	DeadLettered uint64
	Drops        []sdk.Drop
}

// Stats are a queue's totals at one instant: Pushed = Delivered + DeadLettered + dropped + Rows.
type Stats struct {
	Pushed       uint64
	Delivered    uint64
	DeadLettered uint64
	Drops        []sdk.Drop
	Rows         uint64
	Bytes        uint64
}
