package fakedriver

import (
	"regexp"
	"strconv"
	"time"
)

// A Reading names a time line: what one GPU does, as integers in the unit given.
type Reading string

// The readings that tests use most; driver/tables.def has them all, with their defaults.
const (
	Power             Reading = "power"              // mW
	ModulePower       Reading = "module_power"       // mW; not there unless a scenario gives it
	MemoryPower       Reading = "memory_power"       // mW; as above
	PowerLimit        Reading = "power_limit"        // mW
	GPUUtil           Reading = "gpu_util"           // %
	MemoryUtil        Reading = "memory_util"        // %
	EncoderUtil       Reading = "encoder_util"       // %
	DecoderUtil       Reading = "decoder_util"       // %
	JPEGUtil          Reading = "jpeg_util"          // %
	OFAUtil           Reading = "ofa_util"           // %
	ClockSM           Reading = "clock_sm"           // MHz
	ClockMemory       Reading = "clock_memory"       // MHz
	ClockGraphics     Reading = "clock_graphics"     // MHz
	ClockVideo        Reading = "clock_video"        // MHz
	Temperature       Reading = "temperature"        // degrees Celsius
	MemoryTemperature Reading = "memory_temperature" // degrees Celsius
	MemoryUsed        Reading = "memory_used"        // MiB, without what is reserved
	Fan               Reading = "fan"                // %; not there unless a scenario gives it
	PState            Reading = "pstate"             // 0 to 15
	Throttle          Reading = "throttle"           // bits of nvmlClocksEventReason
	PCIeTX            Reading = "pcie_tx"            // MB/s
	PCIeRX            Reading = "pcie_rx"            // MB/s
	NVLinkTX          Reading = "nvlink_tx"          // MB/s, all links together
	NVLinkRX          Reading = "nvlink_rx"          // MB/s, all links together
	ECCCorrected      Reading = "ecc_corrected"      // errors since the driver was loaded
	ECCUncorrected    Reading = "ecc_uncorrected"    // errors since the driver was loaded
	GPMSM             Reading = "gpm_sm"             // per mille, as every gpm_ reading
	GPMOccupancy      Reading = "gpm_occupancy"
	GPMTensor         Reading = "gpm_tensor"
	GPMDRAM           Reading = "gpm_dram"
)

// Sampling is a type of ring buffer, NVML's nvmlSamplingType_t.
type Sampling int

// The ring buffers.
const (
	PowerSamples Sampling = iota
	GPUUtilSamples
	MemoryUtilSamples
	EncoderSamples
	DecoderSamples
	ClockSMSamples
	ClockMemorySamples
	ModulePowerSamples
	JPEGSamples
	OFASamples
	samplings
)

type defaultReading struct {
	value     int64
	supported bool
}

var (
	defaultReadings = map[Reading]defaultReading{}
	defaultRings    [samplings]Ring
)

var (
	readingRow = regexp.MustCompile(`(?m)^READING\((\w+), (-?\d+), ([01])\)`)
	ringRow    = regexp.MustCompile(`(?m)^RING\((\d+), (\w+), (\d+), (\d+), ([01])\)`)
)

// The defaults stand once, in driver/tables.def, which is part of the binary and covered by a test.
var _ = loadTables()

func loadTables() bool {
	text, _ := sources.ReadFile("driver/tables.def")
	number := func(b []byte) int64 {
		n, _ := strconv.ParseInt(string(b), 10, 64)
		return n
	}
	for _, m := range readingRow.FindAllSubmatch(text, -1) {
		defaultReadings[Reading(m[1])] = defaultReading{number(m[2]), m[3][0] == '1'}
	}
	for _, m := range ringRow.FindAllSubmatch(text, -1) {
		defaultRings[number(m[1])] = Ring{
			reading: Reading(m[2]), Period: time.Duration(number(m[3])) * time.Microsecond,
			Size: int(number(m[4])), Mean: m[5][0] == '1',
		}
	}
	return true
}
