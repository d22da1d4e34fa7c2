package tegrastats

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// sheet collects what was read at one instant, from a line of tegrastats or from /sys. It is filled on one
// goroutine, reported on another, and used again: in steady state that allocates nothing.
type sheet struct {
	at      int64  // when it was read, in Unix nanoseconds
	text    []byte // the line
	gpu     values
	parts   []part
	invalid int // readings that cannot be, such as a utilisation of 107 %
}

// part is one component of the chip beside the GPU.
type part struct {
	component component
	name      []byte // as it was read; memory of the sheet's text or of a name that stays
	unit      *unit  // set by the board
	idle      bool   // of a limit: to exceed it has no effect
	values
}

type component uint8

const (
	cpu component = iota
	engine
	rail
	zone
	memory
	fan
	overCurrent
)

// components are the values of the tag.
var components = [...]string{"cpu", "engine", "rail", "zone", "memory", "fan", "over_current"}

// slot numbers a field within [gpuFields] or [socFields].
type slot uint8

const (
	gpuUtilization slot = iota
	gpuMemoryActivity
	gpuEncoder
	gpuDecoder
	gpuJPEG
	gpuOFA
	gpuMemoryUsed
	gpuMemoryFree
	gpuMemoryTotal
	gpuMemoryUsedRatio
	gpuPower
	gpuModulePower
	gpuTemperature
	gpuFan
	gpuClock
	gpuMemoryClock
)

var gpuFields = readings(vocabulary.GPU,
	"utilization_ratio", "memory_activity_ratio", "encoder_ratio", "decoder_ratio", "jpeg_ratio", "ofa_ratio",
	"memory_used_bytes", "memory_free_bytes", "memory_total_bytes", "memory_used_ratio",
	"power_watts", "module_power_watts", "temperature_celsius", "fan_ratio", "clock_sm_hertz", "clock_memory_hertz")

const (
	socUtilization slot = iota
	socClock
	socPowered
	socPower
	socTemperature
	socUsed
	socTotal
	socCached
	socFreeBlock
	socFreeBlocks
	socFan
	socFanRPM
	socThrottles
)

var socFields = readings(vocabulary.SoC,
	"utilization_ratio", "clock_hertz", "powered", "power_watts", "temperature_celsius", "used_bytes", "total_bytes",
	"cached_bytes", "largest_free_block_bytes", "largest_free_blocks", "fan_ratio", "fan_rpm", "throttle_events")

func readings(measurement string, names ...string) []vocabulary.Reading {
	table := make([]vocabulary.Reading, len(names))
	for i, name := range names {
		table[i].Field = vocabulary.Field(measurement, name) // panics on a wrong name
		table[i], _ = vocabulary.Find(measurement, name)
	}
	return table
}

// values are the fields of one row.
type values struct {
	have uint32
	v    [16]float64
}

func (x *values) has(i slot) bool { return x.have&(1<<i) != 0 }

func (x *values) set(i slot, v float64) { x.have, x.v[i] = x.have|1<<i, v }

// fill sets the fields of m, always in the same order, so that equal readings make equal schemas.
func (x *values) fill(m *sdk.Metric, table []vocabulary.Reading) {
	for i := range table {
		if x.has(slot(i)) {
			m.SetNumber(table[i].Field, x.v[i])
		}
	}
}

func (s *sheet) reset() {
	s.text, s.gpu, s.parts, s.invalid = s.text[:0], values{}, s.parts[:0], 0
}

// maxParts is far above what any chip has; a line with more is cut.
const maxParts = 512

// add begins a part. The pointer is valid until the next one is added.
func (s *sheet) add(of component, name []byte) *part {
	if len(s.parts) == maxParts {
		s.invalid++
		return &part{}
	}
	s.parts = append(s.parts, part{component: of, name: name})
	return &s.parts[len(s.parts)-1]
}

// has reports whether a component was read at all.
func (s *sheet) has(of component) bool {
	for i := range s.parts {
		if s.parts[i].component == of {
			return true
		}
	}
	return false
}

// putGPU sets a field of the GPU, unless v cannot be.
func (s *sheet) putGPU(i slot, v float64) { s.put(&s.gpu, gpuFields, i, v) }

// putMost is putGPU for what several units of the GPU say: the greatest counts.
func (s *sheet) putMost(i slot, v float64) {
	if !s.gpu.has(i) || v > s.gpu.v[i] {
		s.putGPU(i, v)
	}
}

// putPart does for a part what putGPU does for the GPU.
func (s *sheet) putPart(p *part, i slot, v float64) { s.put(&p.values, socFields, i, v) }

func (s *sheet) put(x *values, table []vocabulary.Reading, i slot, v float64) {
	r := &table[i]
	if limits, ok := plausible[r.Unit]; !r.Valid(v) || ok && (v < limits[0] || v > limits[1]) {
		s.invalid++
		return
	}
	x.set(i, v)
}

// plausible bounds what no Jetson exceeds: a reading outside is garbled.
var plausible = map[sdk.Unit][2]float64{
	"celsius": {-60, 250},
	"watts":   {0, 10e3},
	"hertz":   {0, 100e9},
	"bytes":   {0, 1 << 50},
	"":        {0, 1e9},
}
