package host

import (
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// meters are the figures of an external plugin that the host keeps.
type meters struct {
	up       *sdk.Number
	circuit  *sdk.Number
	restarts *sdk.Number
	memory   *sdk.Number
	cpu      *sdk.Number
}

// Names of figures that `gpuline plugins list` reads off the agent's page.
const (
	UpName       = "gpuline_plugin_up"
	CircuitName  = "gpuline_plugin_circuit_open"
	RestartsName = "gpuline_plugin_restarts_total"
	MemoryName   = "gpuline_plugin_resident_bytes"
	CPUName      = "gpuline_plugin_cpu_seconds_total"
)

func newMeters(m *sdk.Meter) meters {
	return meters{
		up:       m.Gauge(UpName, "", "1 while the process of an external plugin works."),
		circuit:  m.Gauge(CircuitName, "", "1 while an external plugin has crashed so often that it is only tried now and then."),
		restarts: m.Counter(RestartsName, "Times that the process of an external plugin was started again."),
		memory:   m.Gauge(MemoryName, "bytes", "Memory that the process of an external plugin, and those that it has started, occupy."),
		cpu:      m.Counter(CPUName, "Processor time that the processes of an external plugin have used."),
	}
}

// mirror shows a plugin's own figures among those of the agent. Counters go on through restarts.
type mirror struct {
	meter *sdk.Meter
	mu    sync.Mutex
	all   map[string]*mirrored
}

type mirrored struct {
	number *sdk.Number
	last   float64 // of a counter, in this process
}

// A plugin has no more figures.
const maxFigures = 256

func newMirror(m *sdk.Meter) *mirror { return &mirror{meter: m, all: make(map[string]*mirrored)} }

// restart says that another process counts from 0.
func (m *mirror) restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.all {
		f.last = 0
	}
}

// take takes figures over. Those that do not bear the name of a figure, or one of the host's, are left out, as are
// values that are no finite number: a counter would never be one again.
func (m *mirror) take(list []*proto.Figure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range list {
		if !isFigure(p) {
			continue
		}
		key := p.GetName() + "\x00" + strings.Join(p.GetTags(), "\x00")
		f := m.all[key]
		if f == nil {
			if len(m.all) == maxFigures {
				continue
			}
			f = &mirrored{number: m.number(p)}
			m.all[key] = f
		}
		if p.GetKind() != proto.Kind_COUNTER {
			f.number.Set(p.GetValue())
			continue
		}
		if p.GetValue() >= f.last {
			f.number.Add(p.GetValue() - f.last)
		}
		f.last = p.GetValue()
	}
}

func (m *mirror) number(p *proto.Figure) *sdk.Number {
	var tags []sdk.Tag
	for i := 0; i+1 < len(p.GetTags()); i += 2 {
		tags = append(tags, sdk.Tag{Key: p.GetTags()[i], Value: p.GetTags()[i+1]})
	}
	if p.GetKind() == proto.Kind_COUNTER {
		return m.meter.Counter(p.GetName(), p.GetHelp(), tags...)
	}
	return m.meter.Gauge(p.GetName(), sdk.Unit(p.GetUnit()), p.GetHelp(), tags...)
}

func isFigure(p *proto.Figure) bool {
	name := p.GetName()
	rest, ours := strings.CutPrefix(name, "gpuline_")
	if !ours || rest == "" || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return false
	}
	if math.IsNaN(p.GetValue()) || math.IsInf(p.GetValue(), 0) {
		return false
	}
	if len(name) > 200 || len(p.GetHelp()) > 1000 || len(p.GetTags()) > 20 || len(p.GetTags())%2 != 0 {
		return false
	}
	switch name {
	case UpName, CircuitName, RestartsName, MemoryName, CPUName:
		return false
	}
	for _, text := range p.GetTags() {
		if text == "" || len(text) > 200 {
			return false
		}
	}
	return p.GetKind() == proto.Kind_COUNTER == strings.HasSuffix(name, "_total")
}

// usage follows what a process costs.
type usage struct{ cpu float64 }

// look reads what the process pid has used and, with those that it has started, occupies; an error says that it is too
// much.
func (u *usage) look(pid int, limit int64, m *meters) error {
	if pid == 0 {
		return nil
	}
	p, ok := weigh(pid)
	if !ok {
		return nil
	}
	if p.cpu > u.cpu {
		m.cpu.Add(p.cpu - u.cpu)
		u.cpu = p.cpu
	}
	size := occupied(pid, p.resident, limit)
	m.memory.Set(size)
	if limit > 0 && size > float64(limit) {
		return fmt.Errorf("the plugin occupies %.0f MiB, more than `max_memory` allows (%.0f MiB)", size/(1<<20), float64(limit)/(1<<20))
	}
	return nil
}

// occupied returns what a process, of which own is resident, and those that it has started occupy. What they share,
// as those of a program that forks do, counts once where it matters.
func occupied(pid int, own float64, limit int64) float64 {
	others, resident := offspring(pid)
	size := own + resident
	if limit == 0 || size <= float64(limit) || len(others) == 0 {
		return size
	}
	size = 0
	for _, pid := range append(others, pid) {
		part, ok := proportion(pid)
		if !ok {
			p, _ := weigh(pid)
			part = p.resident
		}
		size += part
	}
	return size
}
