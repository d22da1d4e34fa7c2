package nvml

import (
	"fmt"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

var (
	corrected      = gpuField("ecc_corrected_errors")
	uncorrected    = gpuField("ecc_uncorrected_errors")
	recoveryAction = gpuField("recovery_action")
)

// health follows the counters of a GPU's memory errors and what it needs to be healthy again.
type health struct {
	errors [2]eccCounter // corrected, uncorrected
	action int64
}

type eccCounter struct {
	known bool
	last  int64
	told  bool // the driver has reported the growth that the counter is about to show
}

var eccCodes = [...]struct{ code, severity, what string }{
	{"corrected", vocabulary.Notice, "memory errors corrected"},
	{"uncorrected", vocabulary.Critical, "memory errors that could not be corrected"},
}

// grown takes a reading of a counter and returns by how much it has grown, unless that was told. A counter
// that falls was reset by a new driver.
func (c *eccCounter) grown(v int64) int64 {
	growth := v - c.last
	switch {
	case !c.known || growth < 0:
		growth = 0
	case growth > 0 && c.told:
		growth, c.told = 0, false
	}
	c.known, c.last = true, v
	return growth
}

// watch adds an event for each counter in m that has grown.
func (h *health) watch(e *vocabulary.Events, b *sdk.Batch, tags []sdk.Tag, m *sdk.Metric, at int64) {
	for i, f := range [...]sdk.Field{corrected, uncorrected} {
		v, ok := m.Number(f.Name)
		if !ok {
			continue
		}
		if n := h.errors[i].grown(int64(v)); n > 0 {
			c := &eccCodes[i]
			e.AddValue(b, tags, at, vocabulary.EventECC, c.code, c.severity, fmt.Sprintf("%d %s", n, c.what), float64(n))
		}
	}
}

// The recovery actions, see NVML_GPU_RECOVERY_ACTION_… in nvml.h.
var actions = [...]struct{ code, severity, what string }{
	{"none", vocabulary.Notice, "the GPU needs nothing any more"},
	{"reset", vocabulary.Critical, "the GPU needs a reset"},
	{"reboot", vocabulary.Critical, "the host needs a reboot"},
	{"drain_p2p", vocabulary.Warning, "peer-to-peer traffic of the GPU must be drained"},
	{"drain_and_reset", vocabulary.Critical, "the GPU must be drained and reset"},
}

// act adds an event when the recovery action changes.
func (h *health) act(e *vocabulary.Events, b *sdk.Batch, tags []sdk.Tag, action, at int64) {
	if action == h.action {
		return
	}
	h.action = action
	if action < 0 || action >= int64(len(actions)) {
		e.Add(b, tags, at, vocabulary.EventRecovery, fmt.Sprint(action), vocabulary.Warning, "the GPU needs an action that this program does not know")
		return
	}
	a := &actions[action]
	e.Add(b, tags, at, vocabulary.EventRecovery, a.code, a.severity, a.what)
}
