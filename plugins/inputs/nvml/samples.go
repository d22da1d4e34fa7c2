//go:build cgo

package nvml

// #cgo LDFLAGS: -ldl
// #define _GNU_SOURCE
// #include <dlfcn.h>
//
// typedef struct { unsigned long long at, value; } sample; // nvmlSample_t
// typedef int (*get_samples)(void *gpu, int type, unsigned long long after, int *kind, unsigned *count, sample *to);
//
// static void *find(void) { return dlsym(RTLD_DEFAULT, "nvmlDeviceGetSamples"); }
//
// static int call(void *f, void *gpu, int type, unsigned long long after, int *kind, unsigned *count, sample *to)
// {
//     return ((get_samples)f)(gpu, type, after, kind, count, to);
// }
import "C"

import (
	"math"
	"reflect"
	"unsafe"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// sampler reads the rings of one GPU into memory of its own. go-nvml's GetSamples asks for the size of a ring
// each time and allocates all of it: two calls into the driver where one is enough, and nearly all the
// garbage that reading a GPU would make. So this one function of the library that go-nvml has loaded is
// called past it.
//
// Each GPU has one, for a call that hangs in the driver keeps writing to where it was told to.
type sampler struct {
	function unsafe.Pointer
	kind     C.int // nvmlValueType_t of what was read last
	count    C.uint
	raw      []C.sample
	entries  []entry
}

// read returns what the ring of a type holds that is newer than a time stamp. The next read overwrites it. The
// library must have the function.
func (s *sampler) read(handle nvml.Device, ring int32, after uint64) ([]entry, nvml.Return) {
	if s.function == nil {
		s.function = C.find()
	}
	gpu := reflect.ValueOf(handle).Field(0).UnsafePointer() // the one field of go-nvml's device is the driver's handle
	for {
		ret := nvml.ERROR_INSUFFICIENT_SIZE
		if len(s.raw) > 0 {
			ret = s.call(gpu, ring, after, &s.raw[0])
		}
		if ret != nvml.SUCCESS && ret != nvml.ERROR_INSUFFICIENT_SIZE {
			return nil, ret
		}
		s.decode(ret)
		if ret == nvml.SUCCESS && len(s.entries) < len(s.raw) {
			return s.entries, ret
		}
		// There may be more than there was room for.
		if ret = s.call(gpu, ring, after, nil); ret != nvml.SUCCESS || int(s.count) <= len(s.raw) {
			return s.entries, ret
		}
		s.raw = make([]C.sample, s.count)
	}
}

func (s *sampler) call(gpu unsafe.Pointer, ring int32, after uint64, to *C.sample) nvml.Return {
	s.count = C.uint(len(s.raw))
	return nvml.Return(C.call(s.function, gpu, C.int(ring), C.ulonglong(after), &s.kind, &s.count, to))
}

// decode turns what was read into entries, without the end that the driver may leave empty.
func (s *sampler) decode(ret nvml.Return) {
	s.entries = s.entries[:0]
	if ret != nvml.SUCCESS {
		return
	}
	kind := nvml.ValueType(s.kind)
	for _, raw := range s.raw[:min(int(s.count), len(s.raw))] {
		s.entries = append(s.entries, entry{uint64(raw.at), number(kind, uint64(raw.value))})
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
