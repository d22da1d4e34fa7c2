package tegrastats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestEngines holds what becomes of engines that are off, or that a line leaves out.
func TestEngines(t *testing.T) {
	d, b := newBoard(identity{model: "X"}), newBatch()
	var s sheet
	f := func(engines, want string) {
		t.Helper()
		s.parse([]byte("GR3D_FREQ 1% " + engines))
		b.Reset()
		s.at++
		d.report(b, &s)
		var got []string
		for m := range b.All() {
			switch m.Name() {
			case "gpu":
				for _, name := range []string{"encoder_ratio", "decoder_ratio"} {
					if v, ok := m.Number(name); ok {
						got = append(got, fmt.Sprint(name, " ", v))
					}
				}
			case "soc":
				_, fields, _ := strings.Cut(sdktest.Line(m), " ")
				fields, _, _ = strings.Cut(fields, " ")
				got = append(got, m.Tag("name")+" "+fields)
			}
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s:\n got %s\nwant %s", engines, s, want)
		}
	}
	f("NVENC off", "nvenc powered=0i")
	f("NVENC 716", "nvenc clock_hertz=716000000i,powered=1i")
	f("", "nvenc powered=0i")
	f("NVENC 78%@179", "encoder_ratio 0.78, nvenc utilization_ratio=0.78,clock_hertz=179000000i,powered=1i")
	f("NVENC off", "encoder_ratio 0, nvenc utilization_ratio=0,powered=0i")
	f("", "encoder_ratio 0, nvenc utilization_ratio=0,powered=0i")
	f("MSENC 5% NVENC 9%", "encoder_ratio 0.05, nvenc utilization_ratio=0.05,powered=1i")
	f("NVENC1 50% NVENC 9% NVDEC0_FREQ 3%@5", "encoder_ratio 0.5, decoder_ratio 0.03, nvenc1 utilization_ratio=0.5,powered=1i, "+
		"nvenc utilization_ratio=0.09,powered=1i, nvdec0 utilization_ratio=0.03,clock_hertz=5000000i,powered=1i")
}

// TestRails holds which rail is the GPU's, and which the module's, by generation.
func TestRails(t *testing.T) {
	var s sheet
	f := func(rails, wantRail string, power, module float64) {
		t.Helper()
		s.parse([]byte("GR3D_FREQ 1% " + rails))
		rail := s.powers()
		if string(rail) != wantRail || s.gpu.v[gpuPower] != power || s.gpu.v[gpuModulePower] != module {
			t.Errorf("%s: %s %v %v", rails, rail, s.gpu.v[gpuPower], s.gpu.v[gpuModulePower])
		}
	}
	f("VDD_SYS_GPU 77/77 VDD_SYS_SOC 539/539 VDD_IN 2930/3405", "VDD_SYS_GPU", 0.077, 2.93)
	f("VDD_IN 1/1 VDD_CPU 5/5 VDD_GPU 383/383", "VDD_GPU", 0.383, 0.001)
	f("GPU 463/463 CPU 618/618 SOC 1/1 CV 0/0 VDDRQ 1/1 SYS5V 5/5", "GPU", 0.463, 0)
	f("POM_5V_IN 2545/2547 POM_5V_GPU 41/0 POM_5V_CPU 549/529", "POM_5V_GPU", 0.041, 2.545)
	f("VDD_GPU_SOC 2801mW/1mW VDD_CPU_CV 400mW/400mW VIN_SYS_5V0 4536mW/4536mW", "VDD_GPU_SOC", 2.801, 0)
	f("VDD_IN 12479mW/12479mW VDD_CPU_GPU_CV 4667mW/4667mW VDD_SOC 2817mW/2817mW", "VDD_CPU_GPU_CV", 4.667, 12.479)
	f("VDD_GPU 9mW/9mW/9mW VDD_CPU_SOC_MSS 1mW/1mW VIN_SYS_5V0 2mW/2mW VIN 28906mW/14453mW/28906mW", "VDD_GPU", 0.009, 28.906)
	f("", "", 0, 0)
}

// TestInfo holds when gpu_info is said.
func TestInfo(t *testing.T) {
	d, b := newBoard(identity{model: "X", serial: "1"}), newBatch()
	var s sheet
	f := func(line string, at int64, want int) {
		t.Helper()
		s.parse([]byte("GR3D_FREQ 1% " + line))
		s.at = at
		b.Reset()
		d.report(b, &s)
		got := 0
		for m := range b.All() {
			if m.Class() == sdk.ClassInfo {
				got++
			}
		}
		if got != want {
			t.Errorf("at %d: %d rows of gpu_info, want %d", at, got, want)
		}
	}
	f("", 1, 1)
	f("", 2, 0)
	f("GPU 1/1", 3, 1) // another rail
	f("GPU 1/1", infoPeriod, 0)
	f("GPU 1/1", 3+infoPeriod, 1)
	f("GPU 1/1", 5, 0) // the clock is back
}

// TestManyNames holds that a program that invents names costs bounded memory.
func TestManyNames(t *testing.T) {
	d, b := newBoard(identity{model: "X"}), newBatch()
	var s sheet
	for i := range 3 {
		var line strings.Builder
		line.WriteString("GR3D_FREQ 1%")
		for n := range 1000 {
			fmt.Fprintf(&line, " z%d_%d@5C E%d_%d 5%%", n, i, n, i)
		}
		s.parse([]byte(line.String()))
		b.Reset()
		d.report(b, &s)
		if s.invalid == 0 || len(s.parts) > 3*maxParts || len(d.units[zone]) > maxUnits || len(d.engines) > maxUnits {
			t.Errorf("%d invalid, %d parts, %d zones, %d engines", s.invalid, len(s.parts), len(d.units[zone]), len(d.engines))
		}
	}
}
