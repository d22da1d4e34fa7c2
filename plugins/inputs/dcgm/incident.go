package dcgm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// target names an entity of DCGM: its kind, and its number among those of its kind.
type target struct{ kind, id uint }

// incident is a fault that a health watch has found.
type incident struct {
	target  target
	system  string // "memory"
	code    uint   // DCGM_FR_…
	failure bool   // else a warning
	message string
}

type incidentKey struct {
	target target
	system string
	code   uint
}

// incidents remembers which faults stand: DCGM tells each again at each check for as long as it does.
type incidents struct {
	standing map[incidentKey]incident
}

// update takes what a check has found, and calls tell for what is new or worse, and for what is over.
func (n *incidents) update(found []incident, tell func(i incident, over bool)) {
	now := make(map[incidentKey]incident, len(found))
	for _, i := range found {
		key := incidentKey{i.target, i.system, i.code}
		before, stood := n.standing[key]
		if !stood || i.failure && !before.failure {
			if _, twice := now[key]; !twice {
				tell(i, false)
			}
		}
		now[key] = i
	}
	over := slices.SortedFunc(maps.Keys(n.standing), func(a, b incidentKey) int {
		return cmp.Or(cmp.Compare(a.target.kind, b.target.kind), cmp.Compare(a.target.id, b.target.id), cmp.Compare(a.system, b.system), cmp.Compare(a.code, b.code))
	})
	for _, key := range over {
		if _, stands := now[key]; !stands {
			tell(n.standing[key], true)
		}
	}
	n.standing = now
}

// report adds the event of an incident.
func (i *incident) report(r vocabulary.Reporter, over bool) {
	severity, message := vocabulary.Warning, i.message
	switch {
	case over:
		severity, message = vocabulary.Notice, "DCGM finds no more: "+i.message
	case i.failure:
		severity = vocabulary.Critical
	}
	r.AddValue(vocabulary.EventHealth, i.system, severity, message, float64(i.code))
}

// healthSystems are the bits of DCGM's health watches, see dcgmHealthSystems_t in dcgm_structs.h.
var healthSystems = [...]string{
	"pcie", "nvlink", "pmu", "mcu", "memory", "sm", "inforom", "thermal", "power", "driver", "nvswitch", "nvswitch", "connectx", "imex",
}

func systemName(bit uint) string {
	for i, name := range healthSystems {
		if bit == 1<<i {
			return name
		}
	}
	return fmt.Sprintf("0x%x", bit)
}
