package vocabulary

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// The values of TagEvent.
const (
	EventXID      = "xid"
	EventECC      = "ecc"
	EventLost     = "lost"
	EventFound    = "found"
	EventThrottle = "throttle"
	EventRecovery = "recovery"
	EventHealth   = "health"
	EventPolicy   = "policy"
	EventRule     = "rule"
)

var eventKinds = []struct{ event, code, help string }{
	{EventXID, "its number", "the driver reports an error"},
	{EventECC, "`corrected`, `uncorrected`, `storm`, `retired`, `retirement_failed`, `poison` or `fatal_poison`", "memory errors, and what came of them"},
	{EventLost, "", "the device no longer answers"},
	{EventFound, "", "a lost device answers again"},
	{EventThrottle, "the reason, as in the table of bits", "clocks begin to be held back, after ten seconds or more without that reason"},
	{EventRecovery, "`reset`, `reboot`, `drain_p2p`, `drain_and_reset`, `recover_imex_domain`, `bus_reset`, `system_reboot`, or `none` where it is over", "what the device needs to be healthy again has changed"},
	{EventHealth, "the part of the device: `pcie`, `nvlink`, `memory`, `sm`, `inforom`, `thermal`, `power`, `driver`, …", "a health watch of DCGM finds a fault, or, with the severity `info`, finds it no more"},
	{EventPolicy, "`dbe`, `pcie`, `retired_pages`, `thermal`, `power` or `nvlink`", "a device violates a policy that an operator has set in DCGM"},
	{EventRule, "the rule's name", "a threshold rule changes its state"},
}

// The values of TagSeverity.
const (
	Critical = "critical" // the device is of no use until somebody acts
	Warning  = "warning"  // something is wrong
	Notice   = "info"     // worth knowing
)

// Events makes metrics of gpu_event for one input, so that all inputs make them alike. Events of equal
// series and time would overwrite each other in a database: it moves the later one by 1 ns. The zero
// value is ready. It belongs to one goroutine and to the batches of one catalog.
type Events struct {
	last       map[*sdk.Series]int64
	generation uint64
}

// An event that is no further back than this is moved behind the last one of its series. One further back is not: the
// clock has been set back.
const eventRun = int64(time.Second)

var (
	eventMessage = Field(Event, "message")
	eventValue   = Field(Event, "value")
)

// On returns what adds events of the device with the given tags to b, at the time t in Unix nanoseconds.
func (e *Events) On(b *sdk.Batch, gpuTags []sdk.Tag, t int64) Reporter {
	return Reporter{e, b, gpuTags, t}
}

// Reporter adds events of one device and one instant; see [Events.On].
type Reporter struct {
	events  *Events
	batch   *sdk.Batch
	gpuTags []sdk.Tag
	time    int64
}

// Add adds an event.
func (r Reporter) Add(event, code, severity, message string) *sdk.Metric {
	var room [16]sdk.Tag
	tags := append(append(room[:0], r.gpuTags...),
		sdk.Tag{Key: TagEvent, Value: event}, sdk.Tag{Key: TagCode, Value: code}, sdk.Tag{Key: TagSeverity, Value: severity})
	s, t := r.batch.Series(Event, tags...), r.time
	if s != nil {
		t = r.events.distinct(r.batch.Catalog(), s, t)
	}
	m := r.batch.Add(s, t)
	m.SetClass(sdk.ClassEvent)
	m.Set(eventMessage, sdk.StringValue(message))
	return m
}

// AddValue is Add with the number that the event is about.
func (r Reporter) AddValue(event, code, severity, message string, value float64) {
	r.Add(event, code, severity, message).Set(eventValue, sdk.FloatValue(value))
}

// XID adds the event of an XID error. detail, which may be empty, is what the driver said of it.
func (r Reporter) XID(number int, detail string) {
	x := FindXID(number)
	message := fmt.Sprintf("XID %d: %s", number, x.Meaning)
	if detail != "" {
		message += ": " + detail
	}
	r.Add(EventXID, strconv.Itoa(number), x.Severity, message)
}

// Lost adds the event of a device that no longer answers.
func (r Reporter) Lost(message string) { r.Add(EventLost, "", Critical, message) }

// Found adds the event of a lost device that answers again.
func (r Reporter) Found(message string) { r.Add(EventFound, "", Notice, message) }

func (e *Events) distinct(c *sdk.Catalog, s *sdk.Series, t int64) int64 {
	if e.last == nil {
		e.last = make(map[*sdk.Series]int64)
	}
	if g := c.Generation(); g != e.generation {
		e.generation = g
		maps.DeleteFunc(e.last, func(s *sdk.Series, _ int64) bool { return s.Left() })
	}
	if last, ok := e.last[s]; ok && t <= last && last-t < eventRun {
		t = last + 1
	}
	e.last[s] = t
	return t
}
