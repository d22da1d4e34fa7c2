package pipeline

import (
	"log/slog"

	"github.com/gpuline/gpuline/pipeline/queue"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// losses tells what is dropped while the agent runs and nothing has failed that a message would be about: for want
// of room, or of time. It belongs to the goroutine that looks.
type losses struct {
	log  *slog.Logger
	told map[loss]uint64
}

type loss struct {
	plugin string
	reason sdk.Reason
}

func newLosses(log *slog.Logger) *losses { return &losses{log: log, told: make(map[loss]uint64)} }

// quietLosses are the reasons that nobody else logs, each with what it means.
var quietLosses = map[sdk.Reason]string{
	sdk.DropQueueFull: "the output takes less than what comes, and its queue.max_bytes are used up",
	queue.DropExpired: "it waited for the output for longer than its queue.max_age",
	sdk.DropSeriesCap: "the agent has as many series as it may: let a filter keep away those that nobody needs",
	sdk.DropLate:      "it came when its windows had closed: see lateness",
}

// look logs what the ledger has more than the last time.
func (l *losses) look(ledger *Ledger) {
	now := make(map[loss]uint64)
	count := func(plugin string, drops []sdk.Drop) {
		for _, d := range drops {
			now[loss{plugin, d.Reason}] += d.Count
		}
	}
	for i := range ledger.Stages {
		count(ledger.Stages[i].Name, ledger.Stages[i].Drops)
	}
	for i := range ledger.Outputs {
		count(ledger.Outputs[i].Name, ledger.Outputs[i].Drops)
	}
	for of, n := range now {
		if why := quietLosses[of.reason]; why != "" && n > l.told[of] {
			l.log.Warn("metrics are dropped: "+why, "plugin", of.plugin, "reason", of.reason, "metrics", n-l.told[of])
			l.told[of] = n
		}
	}
}
