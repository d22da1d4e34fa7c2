package vocabulary

import "strconv"

// The values of recovery_action, see NVML_GPU_RECOVERY_ACTION_… in nvml.h.
var recoveryActions = [...]struct{ code, severity, what string }{
	{"none", Notice, "the GPU needs nothing any more"},
	{"reset", Critical, "the GPU needs a reset"},
	{"reboot", Critical, "the host needs a reboot"},
	{"drain_p2p", Warning, "peer-to-peer traffic of the GPU must be drained"},
	{"drain_and_reset", Critical, "the GPU must be drained and reset"},
	{"recover_imex_domain", Warning, "the IMEX domain of the GPU must be recovered"}, // from here on since driver 595
	{"bus_reset", Critical, "the PCIe bus of the GPU needs a reset"},
	{"system_reboot", Critical, "the system needs a reboot"},
}

// Recovery follows recovery_action of one device. The zero value is ready.
type Recovery struct{ last int64 }

// Observe adds an event when the action is another one than before.
func (c *Recovery) Observe(r Reporter, action int64) {
	if action == c.last {
		return
	}
	c.last = action
	if action < 0 || action >= int64(len(recoveryActions)) {
		r.Add(EventRecovery, strconv.FormatInt(action, 10), Warning, "the GPU needs an action that this program does not know")
		return
	}
	a := &recoveryActions[action]
	r.Add(EventRecovery, a.code, a.severity, a.what)
}
