//go:build cgo

package nvml

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// header is a C file that compiles where what the input takes for granted is as nvml.h has it.
type header struct{ strings.Builder }

func (h *header) assert(claim string, args ...any) {
	claim = fmt.Sprintf(claim, args...)
	fmt.Fprintf(h, "_Static_assert(%s, %q);\n", claim, strings.ReplaceAll(claim, "%", "%%"))
}

// record claims that a Go type is laid out as a C type. Its fields are named as there, but for the case of the first
// letter, or as names has it; "" is none.
func (h *header) record(of any, c string, names ...string) {
	t := reflect.TypeOf(of)
	h.assert("sizeof(%s) == %d", c, t.Size())
	for i := range t.NumField() {
		f := t.Field(i)
		name := strings.ToLower(f.Name[:1]) + f.Name[1:]
		if len(names) > 0 {
			name = names[i]
		}
		if name == "" || strings.HasPrefix(f.Name, "Pad_cgo") {
			continue
		}
		h.assert("__builtin_offsetof(%s, %s) == %d", c, name, f.Offset)
		if f.Type.Kind() != reflect.Array || f.Type.Elem().Kind() != reflect.Struct { // lists are as long as they are
			h.assert("sizeof(((%s *)0)->%s) == %d", c, name, f.Type.Size())
		}
	}
}

// function claims a prototype: that which direct.go calls it by.
func (h *header) function(name, arguments string) {
	h.assert("__builtin_types_compatible_p(__typeof__(nvml%s), nvmlReturn_t(%s))", name, arguments)
}

// TestHeader compares with NVIDIA's header what the input says of the library by itself.
func TestHeader(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("there is no gcc: nothing is compared with nvml.h")
	}
	include, err := fakedriver.IncludeDir(t.Context())
	if errors.Is(err, fakedriver.ErrNoHeader) {
		t.Skip("there is no nvml.h: nothing is compared with it")
	} else if err != nil {
		t.Fatal(err)
	}
	var h header
	h.WriteString("#define NVML_NO_UNVERSIONED_FUNC_DEFS\n#include <nvml.h>\n")
	records(&h)
	functions(&h)
	numbers(t, &h)
	file := filepath.Join(t.TempDir(), "claims.c")
	if err := os.WriteFile(file, []byte(h.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), gcc, "-fsyntax-only", "-Wno-deprecated-declarations", "-I", include, file).CombinedOutput(); err != nil {
		t.Errorf("nvml.h has it otherwise: %v\n%s", err, out)
	}
}

func records(h *header) {
	h.record(rawSample{}, "nvmlSample_t", "timeStamp", "sampleValue")
	h.record(gpmMetrics{}, "nvmlGpmMetricsGet_t", "version", "numMetrics", "sample1", "sample2", "metrics")
	h.record(gpmMetric{}, "nvmlGpmMetric_t", "metricId", "nvmlReturn", "value", "")
	h.record(nvml.FieldValue{}, "nvmlFieldValue_t")
	h.record(nvml.Utilization{}, "nvmlUtilization_t")
	h.record(nvml.Memory{}, "nvmlMemory_t")
	h.record(nvml.Memory_v2{}, "nvmlMemory_v2_t")
	h.record(nvml.MarginTemperature{}, "nvmlMarginTemperature_t")
	h.record(nvml.Temperature{}, "nvmlTemperature_t")
	h.record(nvml.ProcessInfo{}, "nvmlProcessInfo_v2_t")
	h.record(nvml.ProcessInfo_v1{}, "nvmlProcessInfo_v1_t")
	h.record(nvml.ProcessUtilizationSample{}, "nvmlProcessUtilizationSample_t")
	h.record(nvml.ProcessUtilizationInfo_v1{}, "nvmlProcessUtilizationInfo_v1_t")
	h.record(nvml.ProcessesUtilizationInfo_v1{}, "nvmlProcessesUtilizationInfo_v1_t")
	h.record(nvml.PciInfo{}, "nvmlPciInfo_t")
	h.record(nvml.BAR1Memory{}, "nvmlBAR1Memory_t")
	h.record(nvml.FBCStats{}, "nvmlFBCStats_t")
	h.record(nvml.GpmSupport{}, "nvmlGpmSupport_t")
	h.record(nvml.GpuFabricInfo_v2{}, "nvmlGpuFabricInfo_v2_t")
	h.record(nvml.GpuFabricInfo_v3{}, "nvmlGpuFabricInfo_v3_t")
	a := newAnswers()
	h.assert("nvmlMemory_v2 == %d", a.memory.Version)
	h.assert("nvmlMarginTemperature_v1 == %d", a.margin.Version)
	h.assert("nvmlTemperature_v1 == %d", a.temperature.Version)
	h.assert("nvmlProcessesUtilizationInfo_v1 == %d", nvml.STRUCT_VERSION(nvml.ProcessesUtilizationInfo_v1{}, 1))
	h.assert("NVML_GPM_METRICS_GET_VERSION == %d", nvml.GPM_METRICS_GET_VERSION)
	h.assert("sizeof(nvmlDevice_t) == sizeof(void *) && sizeof(nvmlGpmSample_t) == sizeof(void *)")
	h.assert("sizeof(nvmlReturn_t) == sizeof(int) && sizeof(nvmlSamplingType_t) == sizeof(int) && sizeof(nvmlValueType_t) == sizeof(int)")
	h.assert("sizeof(nvmlClockType_t) == sizeof(int) && sizeof(nvmlTemperatureSensors_t) == sizeof(int) && sizeof(nvmlPstates_t) == sizeof(int)")
}

func functions(h *header) {
	h.function("DeviceGetSamples", "nvmlDevice_t, nvmlSamplingType_t, unsigned long long, nvmlValueType_t *, unsigned *, nvmlSample_t *")
	h.function("DeviceGetTemperature", "nvmlDevice_t, nvmlTemperatureSensors_t, unsigned *")
	h.function("DeviceGetClockInfo", "nvmlDevice_t, nvmlClockType_t, unsigned *")
	h.function("DeviceGetProcessUtilization", "nvmlDevice_t, nvmlProcessUtilizationSample_t *, unsigned *, unsigned long long")
	h.function("DeviceGetProcessesUtilizationInfo", "nvmlDevice_t, nvmlProcessesUtilizationInfo_t *")
	h.function("GpmMetricsGet", "nvmlGpmMetricsGet_t *")
	for name, to := range map[string]string{
		"TotalEnergyConsumption": "unsigned long long", "UtilizationRates": "nvmlUtilization_t", "PowerUsage": "unsigned",
		"MemoryInfo_v2": "nvmlMemory_v2_t", "MemoryInfo": "nvmlMemory_t", "MarginTemperature": "nvmlMarginTemperature_t", "TemperatureV": "nvmlTemperature_t",
		"CurrentClocksEventReasons": "unsigned long long", "CurrentClocksThrottleReasons": "unsigned long long",
		"PerformanceState": "nvmlPstates_t", "EnforcedPowerLimit": "unsigned",
	} {
		h.function("DeviceGet"+name, "nvmlDevice_t, "+to+" *")
	}
	for _, kind := range []string{"Compute", "Graphics"} {
		for version, record := range map[string]string{"": "nvmlProcessInfo_v1_t", "_v2": "nvmlProcessInfo_v2_t", "_v3": "nvmlProcessInfo_t"} {
			h.function("DeviceGet"+kind+"RunningProcesses"+version, "nvmlDevice_t, unsigned *, "+record+" *")
		}
	}
	for c := range calls {
		for _, name := range c.symbols() {
			if !strings.HasSuffix(name, "EventSetWait") { // the header has the second version alone
				h.assert("sizeof(&%s) > 0", name)
			}
		}
	}
}

var (
	fieldNumber = regexp.MustCompile(`field (\d+) (\w+)`)
	gpmNumber   = regexp.MustCompile(`GPM (\d+) (\w+)`)
)

// numbers claims that fields, metrics and rings have the numbers that the input asks for them by: those that the
// vocabulary names.
func numbers(t *testing.T, h *header) {
	fields, metrics := map[string]bool{}, map[string]bool{}
	for _, r := range vocabulary.All() {
		for _, m := range fieldNumber.FindAllStringSubmatch(r.NVML, -1) {
			h.assert("NVML_FI_DEV_%s == %s", m[2], m[1])
			fields[r.Name+" "+m[1]] = true
		}
		for _, m := range gpmNumber.FindAllStringSubmatch(r.NVML, -1) {
			h.assert("NVML_GPM_METRIC_%s == %s", m[2], m[1])
			metrics[r.Name+" "+m[1]] = true
		}
	}
	for _, set := range [][]fieldReading{powerReadings, normalReadings, trafficReadings, slowReadings, infoReadings} {
		for _, r := range set {
			if !fields[fmt.Sprint(r.field.Name, " ", r.id)] {
				t.Errorf("%s is asked for as field %d; the vocabulary names another", r.field.Name, r.id)
			}
		}
	}
	for _, r := range gpmReadings {
		if !metrics[fmt.Sprint(r.field.Name, " ", r.id)] {
			t.Errorf("%s is asked for as metric %d; the vocabulary names another", r.field.Name, r.id)
		}
	}
	for i, name := range []string{
		"TOTAL_POWER", "GPU_UTILIZATION", "MEMORY_UTILIZATION", "ENC_UTILIZATION", "DEC_UTILIZATION", "PROCESSOR_CLK", "MEMORY_CLK",
		"MODULE_POWER", "JPG_UTILIZATION", "OFA_UTILIZATION",
	} {
		h.assert("NVML_%s_SAMPLES == %d", name, ringKinds[i].number)
	}
	h.assert("NVML_POWER_SCOPE_GPU == %d && NVML_POWER_SCOPE_MODULE == %d && NVML_POWER_SCOPE_MEMORY == %d", scopeGPU, scopeModule, scopeMemory)
}
