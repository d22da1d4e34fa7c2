// Package vocabulary is the one table of GPU readings: our name, unit, kind, type and help, and the
// names that NVML, nvidia-smi, DCGM and Telegraf give to the same thing. Every input takes its fields
// from it, so that a change from nvidia-smi to NVML to DCGM breaks no dashboard; outputs rename by it;
// decoders learn from it what line protocol does not carry; docs/metrics.md is printed from it.
//
// The tables stand in files by subject: activity, memory, power, link, health, process, info, pod, event,
// soc, threshold, inference.
// They are constants: nothing in this package changes after initialisation, and all of it is safe for
// concurrent use.
package vocabulary

import (
	"fmt"
	"math"
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// The measurements.
const (
	GPU     = "gpu"         // samples of a device, or of a MIG instance of it
	Process = "gpu_process" // samples of one process on one device; capped, and out of windows
	Info    = "gpu_info"    // what a device is: constants and settings
	Event   = "gpu_event"   // something that happened at an instant
	SoC     = "soc"         // samples of what else stands on a system on a chip

	Threshold = "gpu_threshold" // how a rule of processors.threshold stands
	Pod       = "gpu_pod"       // which container of Kubernetes has been given a device, or a part of it

	Inference = "inference" // samples of a server of models, one for each model
)

// Reading is one row of the table.
type Reading struct {
	sdk.Field

	Metric string // the measurement: GPU, Process, Info, Event, SoC, Threshold, Pod or Inference
	Help   string // one sentence

	NVML string // the call, or the field id as "field 186"; "" if none
	XML  string // element path(s) below <gpu> in nvidia-smi -q -x, newest first; "" if none
	CSV  string // the name in nvidia-smi --query-gpu, as the newest driver spells it; "" if none

	// CSVOlder are names that give the same reading where a driver does not know CSV, or has no value
	// for it; the better ones first.
	CSVOlder []string

	// SMIFactor is to nvidia-smi, XML and CSV, what DCGM.Factor is to DCGM: our value × SMIFactor = the
	// number that nvidia-smi prints, in %, MiB, MHz, µs or KB/s. 0 stands for 1.
	SMIFactor float64

	// Tegra says where a Jetson gives the reading, between commas: in a line of tegrastats, or in a file
	// below /sys, /proc or /etc; "" if nowhere.
	Tegra string

	DCGM DCGM

	// DCGMBetter are further DCGM fields that give the same reading. Where an input has several at hand,
	// the first of these wins over the later ones and over DCGM. Outputs write DCGM alone.
	DCGMBetter []DCGM

	Telegraf Telegraf

	// Min and Max bound what the reading can be, where Bounded is set: a value outside is an error of
	// its source, to be counted and left out.
	Min, Max float64
	Bounded  bool
}

// DCGM is a reading's name in DCGM and dcgm-exporter. The zero DCGM says that there is none.
type DCGM struct {
	ID      int
	Name    string  // what dashboards know
	NewName string  // since DCGM 4.6, where it was renamed
	Factor  float64 // our value × Factor = theirs; 0 stands for 1
}

// Telegraf is a reading's field in the measurement nvidia_smi of Telegraf's plugin of that name. The
// zero Telegraf says that there is none.
type Telegraf struct {
	Field  string
	Factor float64 // our value × Factor = theirs; 0 stands for 1
}

// All returns the table in the order of the documentation. The slice is the caller's own.
func All() []Reading { return slices.Clone(table.readings) }

// Find returns the reading with our name.
func Find(metric, field string) (Reading, bool) {
	i, ok := table.byName[name{metric, field}]
	return table.reading(i, ok)
}

// Field returns the field with our name. It panics on an unknown one, and is meant for variables of a
// package, so that a wrong name shows when the program starts.
func Field(metric, field string) sdk.Field {
	r, ok := Find(metric, field)
	if !ok {
		panic(fmt.Sprintf("vocabulary: no reading %s %s", metric, field))
	}
	return r.Field
}

// ByCSV returns the reading that nvidia-smi --query-gpu calls name, in any of its spellings.
func ByCSV(name string) (Reading, bool) {
	i, ok := table.byCSV[name]
	return table.reading(i, ok)
}

// ByTelegraf returns the reading with a field name of Telegraf's measurement nvidia_smi.
func ByTelegraf(field string) (Reading, bool) {
	i, ok := table.byTelegraf[field]
	return table.reading(i, ok)
}

// ByDCGMName returns the reading with a DCGM name, old or new. The DCGM of what it returns is the entry
// asked for, with its factor.
func ByDCGMName(name string) (Reading, bool) { return table.dcgm(table.byDCGMName[name]) }

// Valid reports whether v is possible for the reading: finite, and within its bounds where it has some.
func (r *Reading) Valid(v float64) bool {
	if r.Bounded {
		return v >= r.Min && v <= r.Max
	}
	return !math.IsNaN(v) && !math.IsInf(v, 0)
}
