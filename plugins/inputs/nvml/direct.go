//go:build cgo

package nvml

// #cgo LDFLAGS: -ldl
// #define _GNU_SOURCE
// #include <dlfcn.h>
//
// static void *find(char *name) { return dlsym(RTLD_DEFAULT, name); }
//
// static const unsigned unwritten = 0x80000000;  // no answer has it: it is the least number, or 2^63 and more
// enum { NOT_SUPPORTED = 3 };
//
// static int get(void *f, void *gpu, void *to, unsigned *word)
// {
//     *word = unwritten;
//     int ret = ((int (*)(void *, void *))f)(gpu, to);
//     return ret == 0 && *word == unwritten ? NOT_SUPPORTED : ret;
// }
//
// static int get_of(void *f, void *gpu, int kind, void *to, unsigned *word)
// {
//     *word = unwritten;
//     int ret = ((int (*)(void *, int, void *))f)(gpu, kind, to);
//     return ret == 0 && *word == unwritten ? NOT_SUPPORTED : ret;
// }
//
// static int get_samples(void *f, void *gpu, int ring, unsigned long long after, int *kind, unsigned *count, void *to)
// {
//     return ((int (*)(void *, int, unsigned long long, int *, unsigned *, void *))f)(gpu, ring, after, kind, count, to);
// }
//
// static int get_list(void *f, void *gpu, unsigned *count, void *to)
// {
//     return ((int (*)(void *, unsigned *, void *))f)(gpu, count, to);
// }
//
// static int get_use(void *f, void *gpu, unsigned version, unsigned long long after, unsigned *count, void *to)
// {
//     struct { unsigned version, count; unsigned long long after; void *to; } of = { version, *count, after, to };
//     int ret = ((int (*)(void *, void *))f)(gpu, &of);
//     *count = of.count;
//     return ret;
// }
//
// static int get_old_use(void *f, void *gpu, void *to, unsigned *count, unsigned long long after)
// {
//     return ((int (*)(void *, void *, unsigned *, unsigned long long))f)(gpu, to, count, after);
// }
//
// static int get_metrics(void *f, void *of) { return ((int (*)(void *))f)(of); }
import "C"

import (
	"reflect"
	"unsafe"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// function is one of the library that go-nvml has loaded, to be called past go-nvml: that allocates what each
// call answers, and reads a ring in two calls where one is enough. What is read several times a second
// comes this way, into memory that is kept, and makes no garbage. Nothing in that memory may be a pointer into
// Go's own.
//
// A call that hangs in the driver keeps writing to where it was told to, so each GPU has its own memory.
type function struct {
	at   unsafe.Pointer
	name string
}

// lookUp returns the first of some functions that the library has.
func lookUp(api nvml.Interface, names []string) (f function) {
	for _, name := range names {
		if api.Extensions().LookupSymbol(name) == nil {
			symbol := append([]byte(name), 0)
			return function{C.find((*C.char)(unsafe.Pointer(&symbol[0]))), name}
		}
	}
	return f
}

func (f function) missing() bool { return f.at == nil }

// get calls a function of a GPU that has one answer.
func (f function) get(gpu nvml.Device, to slot) nvml.Return {
	return nvml.Return(C.get(f.at, handle(gpu), to.at, (*C.uint)(to.word)))
}

// getOf is get where the GPU has several of that kind.
func (f function) getOf(gpu nvml.Device, which int32, to slot) nvml.Return {
	return nvml.Return(C.get_of(f.at, handle(gpu), C.int(which), to.at, (*C.uint)(to.word)))
}

// samples calls nvmlDeviceGetSamples: what a ring holds that is newer than a time stamp, as many as *count says.
func (f function) samples(gpu nvml.Device, ring int32, after uint64, kind *int32, count *uint32, to *rawSample) nvml.Return {
	return nvml.Return(C.get_samples(f.at, handle(gpu), C.int(ring), C.ulonglong(after),
		(*C.int)(kind), (*C.uint)(count), unsafe.Pointer(to)))
}

// list calls a function that fills a list with records, as many as *count says.
func (f function) list(gpu nvml.Device, count *uint32, to unsafe.Pointer) nvml.Return {
	return nvml.Return(C.get_list(f.at, handle(gpu), (*C.uint)(count), to))
}

// use calls nvmlDeviceGetProcessesUtilizationInfo, to which go-nvml gives no room for its answer: what was sampled of
// processes after a time stamp, as many as *count says.
func (f function) use(gpu nvml.Device, after uint64, count *uint32, to unsafe.Pointer) nvml.Return {
	version := nvml.STRUCT_VERSION(nvml.ProcessesUtilizationInfo_v1{}, 1)
	return nvml.Return(C.get_use(f.at, handle(gpu), C.uint(version), C.ulonglong(after), (*C.uint)(count), to))
}

// oldUse calls nvmlDeviceGetProcessUtilization for the same.
func (f function) oldUse(gpu nvml.Device, after uint64, count *uint32, to unsafe.Pointer) nvml.Return {
	return nvml.Return(C.get_old_use(f.at, handle(gpu), to, (*C.uint)(count), C.ulonglong(after)))
}

// metrics calls nvmlGpmMetricsGet.
func (f function) metrics(of *gpmMetrics) nvml.Return {
	return nvml.Return(C.get_metrics(f.at, unsafe.Pointer(of)))
}

// handle returns what the driver knows a GPU or a snapshot by: the one field of go-nvml's type for it.
func handle(of any) unsafe.Pointer { return reflect.ValueOf(of).Field(0).UnsafePointer() }

// answers is where the driver writes what a GPU is asked for.
type answers struct {
	uint32      uint32
	uint64      uint64
	utilization nvml.Utilization
	memory      nvml.Memory_v2
	memoryV1    nvml.Memory
	margin      nvml.MarginTemperature
	temperature nvml.Temperature
}

// slot is where the driver writes an answer, and the word of it that it writes last. A function that reports success
// and has not written it is a stub: a stand-in for a driver has many. What it should give the GPU has not.
type slot struct{ at, word unsafe.Pointer }

func slot32[T int32 | uint32](v *T) slot { return slot{unsafe.Pointer(v), unsafe.Pointer(v)} }

// slot64 looks at the upper half.
func slot64(v *uint64) slot { return slot{unsafe.Pointer(v), unsafe.Add(unsafe.Pointer(v), 4)} }

// within is a slot for a record of which v is the last number.
func (s slot) within(record unsafe.Pointer) slot { return slot{record, s.word} }

func newAnswers() *answers {
	a := new(answers)
	a.memory.Version = nvml.STRUCT_VERSION(a.memory, 2)
	a.margin.Version = nvml.STRUCT_VERSION(a.margin, 1)
	a.temperature.Version = nvml.STRUCT_VERSION(a.temperature, 1)
	return a
}

// fetch asks a GPU or a MIG instance of it for something that it either has or has not.
func (d *device) fetch(c call, from nvml.Device, to slot) bool {
	return d.ask(c, func() nvml.Return { return d.lib.functions[c].get(from, to) })
}
