// Package queue holds what waits for an output, bounded in bytes: in memory, or on disk. A queue cuts the
// stream into batches: rows are copied to its end until a batch is full or old enough, and the batch
// stays at its head until the output has done with it.
package queue

import (
	"context"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Queue is what the engine sees of a [Memory] or a [Disk]. Any goroutine may push; one goroutine at a time
// takes batches with Next and ends each with Done.
type Queue interface {
	// Push copies rows to the end of the queue, and makes room as the limits say. It never blocks.
	Push(rows []*sdk.Metric, from Source)

	// WaitRoom waits until the queue has room for more from an input that can wait, or ctx ends.
	WaitRoom(ctx context.Context)

	// Next waits for a batch that is full, or old enough, or the last one of a closed queue. The batch is
	// the queue's and stays in it until Done; until then Next returns it again. Next returns io.EOF when
	// a closed queue is empty, and ctx's error when ctx ends.
	Next(ctx context.Context) (*sdk.Batch, error)

	// Expired reports whether the batch that Next returned is older than the limits allow.
	Expired() bool

	// Done removes the batch that Next returned. The counts in o add up to its rows.
	Done(o Outcome)

	// Close ends the queue for pushing. Next hands out what is left.
	Close()

	// End ends the queue. What would be lost with the process is dropped as r, and its acks answered with
	// err; what is on disk stays there, and stays queued. A Write that is stuck in the oldest batch may go
	// on reading it; its Done then does nothing.
	End(r sdk.Reason, err error)

	// Stats returns the totals, consistent with each other.
	Stats() Stats
}

// Limits bound a queue.
type Limits struct {
	MaxBytes      int
	MaxAge        time.Duration // batches older than this are dropped as expired; 0 for no bound
	BatchSize     int           // rows in a batch, at most
	FlushInterval time.Duration // a batch that is not full waits so long for more, at most
	FlushPhase    time.Duration // within FlushInterval: such batches leave at this instant of each
	KeepOldest    bool          // when full, drop what arrives instead of what has waited longest
}

// The reasons for which a queue drops what it holds, beside those of the sdk.
const (
	DropExpired sdk.Reason = "expired"      // outlived Limits.MaxAge
	DropCorrupt sdk.Reason = "queue_damage" // the file that held it was damaged while the agent ran
)

// Source says where rows come from.
type Source struct {
	// Held rows come from an input that waits for room before it reads on. They are never dropped for
	// lack of room: their input is made to wait instead.
	Held bool
	// Ack, if not nil, is called once: with nil when the rows are on disk or out of the queue for good,
	// with an error when they were given up because the agent ends.
	Ack func(error)
}

// Outcome says what became of the batch at a queue's head.
type Outcome struct {
	Delivered    uint64
	DeadLettered uint64
	Drops        []sdk.Drop
}

// Stats are a queue's totals at one instant:
// Pushed + Recovered = Delivered + DeadLettered + dropped + Rows.
type Stats struct {
	Pushed       uint64
	Recovered    uint64 // found on disk
	Delivered    uint64
	DeadLettered uint64
	Drops        []sdk.Drop
	Rows         uint64
	Bytes        uint64
	Volatile     uint64 // of Rows, those that a crash would lose
	Faults       uint64 // times that the disk refused what was to be written or read
	Corrupt      uint64 // damaged files put aside
	Refused      bool   // the disk refuses now: what is new is in memory
}
