// Package fakedriver builds a stand-in for NVIDIA's libnvidia-ml.so.1 and drives it, so that code which
// reads GPUs through NVML can be tested, and shown, where there is none. The library is C (folder driver),
// compiled by [Build] with gcc against the nvml.h that github.com/NVIDIA/go-nvml brings along, and loaded
// with dlopen as the real one is. What its GPUs do stands in a scenario file (see README.md), named by
// [Env] and read at each nvmlInit; [Scenario] writes one.
//
// Nothing in the fake runs between calls: each answer follows from the scenario and the clock. So [Truth]
// computes in Go, apart from the C code, what the rings hold, how much energy was used and when a reading
// was above a level. With a [Clock] an hour passes in seconds, and several processes share it.
//
// A process can load one libnvidia-ml.so.1 in its life: go-nvml binds its functions lazily in the global
// scope of the dynamic loader, so that the first library loaded answers for all later ones, and a function
// that is missing ends the process. A test that needs another variant (see [Generation]) runs itself again
// as a child process.
package fakedriver
