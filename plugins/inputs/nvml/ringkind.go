package nvml

import (
	"math"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// ringKind is one of the driver's ring buffers.
type ringKind struct {
	name   string // as in gpuline_nvml_sample_period_seconds{type}
	number int32  // nvmlSamplingType_t
	field  sdk.Field
	divide float64 // the driver's number ÷ divide is in our unit
	most   float64 // what the driver can mean; more is an error to be counted
}

func (k *ringKind) ours(v float64) float64 { return v / k.divide }

// ringKinds are all of them, see nvmlSamplingType_t in nvml.h.
var ringKinds = [...]ringKind{
	{"power", 0, gpuField("power_watts"), 1e3, 1e7},
	{"gpu", 1, gpuField("utilization_ratio"), 100, 100},
	{"memory", 2, gpuField("memory_activity_ratio"), 100, 100},
	{"encoder", 3, gpuField("encoder_ratio"), 100, 100},
	{"decoder", 4, gpuField("decoder_ratio"), 100, 100},
	{"sm_clock", 5, gpuField("clock_sm_hertz"), 1e-6, math.MaxUint16},
	{"memory_clock", 6, gpuField("clock_memory_hertz"), 1e-6, math.MaxUint16},
	{"module_power", 7, gpuField("module_power_watts"), 1e3, 1e8},
	{"jpeg", 8, gpuField("jpeg_ratio"), 100, 100},
	{"ofa", 9, gpuField("ofa_ratio"), 100, 100},
}

const (
	ringPower = iota
	ringGPU
	ringMemory
	ringEncoder
	ringDecoder
	ringSMClock
	ringMemoryClock
	ringModulePower
	ringJPEG
	ringOFA
)

func gpuField(name string) sdk.Field { return vocabulary.Field(vocabulary.GPU, name) }
