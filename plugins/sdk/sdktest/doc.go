// Package sdktest is the test kit for plugins, built-in or third-party.
//
// [Parse] fills a batch from text, one metric a line, and [Dump] turns a batch into such lines; [Env]
// is what the engine would lend to a plugin. [Script], [Feed], [Sink] and [Stage] are inputs, an output
// and a processor that behave as a test asks. [TestGatherer], [TestReader], [TestProcessor] and
// [TestOutput] check that a plugin keeps the contract of package sdk, in process and over a transport
// that serialises every batch; [EachBatch] is for what carries batches. For example:
//
//	func TestContract(t *testing.T) {
//		sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor { … }, `
//			gpu,gpu_index=0 power_watts=300.5,n=3i 1s
//			gpu,gpu_index=0 power_watts=310 2s`)
//	}
//
// # Lines
//
// A line is a metric in the manner of line protocol, followed by what line protocol cannot say:
//
//	name,tag=value,… field=value,… time [class=result] [absorbed[=field,…]] [notes=key=value,…] [origin=name,tag=value,…]
//
// The time is a number of nanoseconds, or a duration such as 1.5s. A value is a float (1.5, NaN, +Inf),
// an int (3i), a uint (4u), a bool (true, false) or a string quoted as in Go ("x"). A metric without
// fields has - in their place. In names, keys and tags a backslash escapes a comma, a space, an equals
// sign, a colon, a quote or a backslash; \n is a line break and \r a carriage return.
//
// A field's unit is what its name ends in: ratio, bytes, watts, joules, celsius, hertz, seconds or
// volts. Its kind is counter where the name ends in _total or _joules, and gauge elsewhere.
// field:counter=5 states the kind, field:counter:bytes=5 the unit too, and field:gauge:=5 that there is
// none. [DumpFull] writes both always, [Dump] never.
//
// A class is sample, result, event or info; a line with an origin is a result unless it says otherwise. absorbed is
// a row that windows have read, absorbed=a,b one of which they have read the fields a and b alone.
// Empty lines and lines that begin with # are skipped, as is space around a line.
package sdktest
