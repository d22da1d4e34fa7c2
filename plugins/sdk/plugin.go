package sdk

import (
	"context"
	"time"
)

// A Gatherer is an input that is polled: the engine owns the ticker. It calls Gather once at the start
// and then at each interval, never concurrently with itself, always from one goroutine. ctx ends when
// the input's timeout has passed or the agent stops; Gather should return soon after.
//
// Gather adds its samples to b, which is empty and belongs to it until it returns. It may fill b and
// return an error: seven GPUs still report when the eighth fails. An error is logged and counted, and
// the next tick is tried as usual. [ErrNoData] is no fault; [ErrPermanent] ends the input with a
// message; [ErrEnd] says that nothing more will ever come.
type Gatherer interface {
	Gather(ctx context.Context, b *Batch) error
}

// A Reader is an input that blocks until there is something to read. The engine calls Read again as
// soon as the batch before is on its way and every queue behind has room, always from one goroutine.
// ctx ends when the agent stops, and in `gpuline once` when it has waited long enough. Errors mean what they mean
// for a [Gatherer]; after other errors, where b has no rows, the engine waits, longer each time, before it calls
// Read again.
//
// The Ack, which may be nil, is called exactly once, from any goroutine and perhaps before Read is next
// called: with nil when every required output has the batch (on disk, or delivered), with an error when
// the batch must be read again. It must not block.
type Reader interface {
	Read(ctx context.Context, b *Batch) (Ack, error)
}

// Ack tells a [Reader] what became of a batch.
type Ack func(err error)

// A Finite input reads recorded data whose times lie in the past, as fast as it can. While all inputs
// of an agent are finite, windows follow the data's time alone, and no clock closes them.
type Finite interface {
	Finite() bool
}

// A Live input is a [Reader] of what happens now. It cannot wait for an output that is down, nor read again:
// like what a Gatherer reads, its rows give way where a queue is full, and those of other outputs are not
// held up. It is asked for more at once, whether or not there is room, and returns no Ack.
type Live interface {
	Live() bool
}

// A Processor rewrites a batch in place: it changes metrics, adds some, drops or absorbs others.
// Process runs on the goroutine of its chain, never concurrently with itself, and needs no lock. It
// takes time from the metrics, never from the clock, and keeps its order of results the same however
// the stream is cut into batches. An error is logged and counted; the batch goes on as it is.
type Processor interface {
	Process(ctx context.Context, b *Batch) error
}

// A Bypasser is a processor that says what becomes of a batch that comes while it cannot be opened: one that
// takes out what nobody else may see rather drops it. The engine calls Bypass in place of Process; a processor
// without it is passed by. It adds nothing.
type Bypasser interface {
	Bypass(b *Batch)
}

// A Flusher is a processor that holds something back. The engine calls Flush about each 100 ms and, with
// final set, once at the end, from the goroutine that calls Process; while all inputs are [Finite] it calls
// only the final one. Before it, Process has seen b, which holds what the processors before have flushed;
// Flush only adds to it. What it adds goes through the processors that follow.
type Flusher interface {
	Flush(ctx context.Context, now time.Time, final bool, b *Batch) error
}

// An Output delivers batches. Write is never called concurrently with itself; it returns when all of b
// is delivered, in the output's sense of the word. b is read-only: Write gets the very same batch again
// after an error. ctx ends when the output's timeout has passed.
//
// A [*PartialError] names rows that the far end refused for good; the others are delivered.
// [ErrPermanent] drops the whole batch. [ErrEnd] says that nobody will take anything from it ever again:
// it drops the batch and all that follows. A [*RetryError] says when to try again. Any other error is tried
// again with growing pauses.
type Output interface {
	Write(ctx context.Context, b *Batch) error
}

// An Opener is a plugin with something to open: a connection, a file, a child process. The engine calls
// Open before anything else, and again, with growing pauses, after an error, except [ErrPermanent].
// Until it succeeds the rest of the agent works on; an output's queue fills. A plugin that also has a
// Close (io.Closer) gets one call of it for each successful Open.
type Opener interface {
	Open(ctx context.Context, env *Env) error
}

// A Validator is a plugin's configuration that can tell, without opening anything, whether its values
// fit together. Its error becomes a message of `gpuline check`; a [FaultList] names keys.
type Validator interface {
	Validate() error
}

// A RestValidator is a [Validator] that asks more than its values, such as a program that it starts. Where keys are
// refused, [Configure] asks it once, through a copy that has the refused keys' defaults: which keys of the table
// those are, it is told. Of any other Validator, Configure asks copies with several values in their places.
type RestValidator interface {
	Validator
	ValidateRest(refused []string) error
}

// A Pager is the configuration of a plugin that mounts a page on the agent's own server (see [Env]). Page
// returns the key under which the page's path stands, and the path: two plugins with one path are a fault that
// `gpuline check` finds.
type Pager interface {
	Page() (key, path string)
}

// A Foreseer is the configuration of an input or a processor that can tell which fields metrics will have, without
// opening anything. Foresee gets what is known of the metrics that enter the plugin, which is nothing for an input,
// and returns what is known of those that leave it. The faults are what `gpuline check` warns of: keys of the
// configuration that change nothing, such as a rule on a field that nothing gives. They keep no agent from
// starting. Behind a plugin without it, nothing is known.
type Foreseer interface {
	Foresee(in Outlook) (out Outlook, idle []Fault)
}
