// Package isolate keeps an input in a child process of the same program, for inputs that call into a
// driver: a call that never returns, a crash in C or a leak then costs a child, and the agent replaces it.
//
// The input's constructor decides. Where its configuration asks for isolation, it returns [New] with a
// configuration that does not, and the child makes the plugin of that:
//
//	func build(c *Config) (any, error) {
//		if c.Isolate {
//			inner := *c
//			inner.Isolate = false
//			return isolate.New("nvml", &inner)
//		}
//		return newReader(c), nil
//	}
//
// [New] is the end in the agent: an [sdk.Reader] that starts children, hands on what they read, and
// replaces one that ends or hangs. [Serve] is the end in the child: it polls a Gatherer, or reads a Reader,
// as the engine would. In the child the plugin finds no HTTP server, no totals and no launcher in its Env.
// An input whose Read returns an Ack cannot be isolated.
//
// A call that has not returned after the input's timeout is reported while it lasts, and after twice the
// timeout its child is killed and replaced. The context of a Read ends after the timeout, too: a Reader
// that only waits for data returns then, and is read again. A child that outlives SIGKILL, because it hangs
// in the kernel, is left behind; it is replaced, unless there is one already. Pauses before a replacement
// grow from half a second to a minute, and are short again after five minutes of health. A plugin that
// cannot go on in its process returns [ErrFresh], and is replaced at once.
//
// # What goes over the pipes
//
// The child's standard input carries one line of JSON, the order, and then stays open: it is the child's
// lifeline, and the child ends when it does. Its standard output carries messages: a byte that says the
// kind, the length of the body (uint32, little-endian), and the body.
//
//	1 hello    uint16, the version of the protocol; first, and once
//	2 opened   the plugin's Open has returned nil; once
//	3 rows     byte class of the error; uint32 length of the mark behind the rows, uint16 length of the text
//	           of the error that a call returned besides them; mark, text; one frame of package record
//	4 figures  the child's own figures that have changed: see figures.go
//	5 beat     each second: int64 ns for which the plugin's call has been running, 0 where none is
//	6 ended    byte class; text: the plugin is closed, and nothing follows
//
// Rows of several calls go out together, at most 250 ms after they were read. Standard error carries log
// messages, as JSON objects a line; other lines are what libraries print, and are logged as such.
package isolate
