//go:build cgo

package nvml

import (
	"math"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// sampler reads the rings of one GPU into memory that is kept.
type sampler struct {
	kind    int32 // nvmlValueType_t of what was read last
	count   uint32
	raw     []rawSample
	entries []entry
}

// mostSamples is far more than the rings of drivers hold, whatever one says.
const mostSamples = 1 << 14

// rawSample is nvmlSample_t.
type rawSample struct{ at, value uint64 }

// read returns what the ring of a type holds that is newer than a time stamp. The next read overwrites it.
func (s *sampler) read(f function, gpu nvml.Device, ring int32, after uint64) ([]entry, nvml.Return) {
	call := func(to *rawSample) nvml.Return {
		s.count = uint32(len(s.raw))
		return f.samples(gpu, ring, after, &s.kind, &s.count, to)
	}
	for {
		ret := nvml.ERROR_INSUFFICIENT_SIZE
		if len(s.raw) > 0 {
			ret = call(&s.raw[0])
		}
		if ret != nvml.SUCCESS && ret != nvml.ERROR_INSUFFICIENT_SIZE {
			return nil, ret
		}
		s.decode(ret)
		if ret == nvml.SUCCESS && len(s.entries) < len(s.raw) {
			return s.entries, ret
		}
		// There may be more than there was room for.
		if ret = call(nil); ret != nvml.SUCCESS || min(int(s.count), mostSamples) <= len(s.raw) {
			return s.entries, ret
		}
		s.raw = make([]rawSample, min(int(s.count), mostSamples))
	}
}

// decode turns what was read into entries, without the end that the driver may leave empty.
func (s *sampler) decode(ret nvml.Return) {
	s.entries = s.entries[:0]
	if ret != nvml.SUCCESS {
		return
	}
	kind := nvml.ValueType(s.kind)
	for _, raw := range s.raw[:min(int(s.count), len(s.raw))] {
		s.entries = append(s.entries, entry{raw.at, number(kind, raw.value)})
	}
	for n := len(s.entries); n > 0 && s.entries[n-1] == (entry{}); n-- {
		s.entries = s.entries[:n-1]
	}
}

// number decodes a value of NVML, a union that begins with its lowest byte on all that the driver runs on.
func number(kind nvml.ValueType, bits uint64) float64 {
	switch kind {
	case nvml.VALUE_TYPE_DOUBLE:
		return math.Float64frombits(bits)
	case nvml.VALUE_TYPE_UNSIGNED_INT:
		return float64(uint32(bits))
	case nvml.VALUE_TYPE_SIGNED_INT:
		return float64(int32(bits))
	case nvml.VALUE_TYPE_UNSIGNED_SHORT:
		return float64(uint16(bits))
	case nvml.VALUE_TYPE_SIGNED_LONG_LONG:
		return float64(int64(bits))
	}
	return float64(bits)
}
