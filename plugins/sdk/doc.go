// Package sdk is the contract between gpuline and its plugins, built-in or third-party. It imports the
// standard library alone.
//
// Data travels in a [Batch] of metrics. A [Metric] is a row: an interned [Series] (a name and sorted
// tags), an interned [Schema] (which fields, with their units), a time in Unix nanoseconds, and the
// values. Series and schemas are compared by pointer and live in a [Catalog]; in steady state a metric
// costs no allocation.
//
// A plugin implements one small interface: [Gatherer] or [Reader] (inputs), [Processor], or [Output].
// [Opener], io.Closer, [Flusher] and [Validator] are optional. The engine calls Open, the method of the
// interface, and Close of one instance from one goroutine at a time; an instance needs no lock unless it
// starts goroutines of its own.
//
// A plugin that reads one number and reports it is complete with these lines:
//
//	type clock struct{}
//
//	func (clock) Gather(_ context.Context, b *sdk.Batch) error {
//		m := b.Add(b.Series("clock"), time.Now().UnixNano())
//		m.Float("uptime_seconds", uptime())
//		return nil
//	}
package sdk
