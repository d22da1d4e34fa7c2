package tegrastats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// short are the names of fields in what describe writes.
var short = strings.NewReplacer("utilization_ratio", "busy", "memory_activity_ratio", "emc", "clock_hertz", "clock", "clock_sm_hertz", "sm",
	"clock_memory_hertz", "mem", "power_watts", "W", "temperature_celsius", "C", "_bytes", "", "_ratio", "")

// describe writes a sheet in short: fields of the GPU first, then the parts.
func describe(s *sheet) string {
	var b strings.Builder
	put := func(x *values, table []vocabulary.Reading) {
		for i := range table {
			if x.has(slot(i)) {
				fmt.Fprintf(&b, " %s=%v", short.Replace(table[i].Name), x.v[i])
			}
		}
	}
	put(&s.gpu, gpuFields)
	for i := range s.parts {
		p := &s.parts[i]
		fmt.Fprintf(&b, " %s:%s", components[p.component], p.name)
		put(&p.values, socFields)
	}
	if s.invalid > 0 {
		fmt.Fprintf(&b, " invalid=%d", s.invalid)
	}
	return strings.TrimPrefix(b.String(), " ")
}

func TestParse(t *testing.T) {
	var s sheet
	f := func(line, want string) {
		t.Helper()
		if known := s.parse([]byte(line)); !known || describe(&s) != want {
			t.Errorf("%s\n got %v %s\nwant true %s", line, known, describe(&s), want)
		}
	}
	const gpu = "GR3D_FREQ 50% "
	// The GPU and its memory.
	f("GR3D_FREQ 50%", "busy=0.5")
	f("GR3D_FREQ 7%@114", "busy=0.07 sm=1.14e+08")
	f("GR3D_FREQ 0%@[305,611]", "busy=0 sm=6.11e+08")
	f("GR3D_FREQ 99%@[1098, 1098, 1098] EMC_FREQ 95%@1600", "busy=0.99 emc=0.95 sm=1.098e+09 mem=1.6e+09")
	f("GR3D_FREQ 12%@[off,600]", "busy=0.12 sm=6e+08")
	f("GR3D_FREQ @[1574,1574,1574] EMC_FREQ @4266", "sm=1.574e+09 mem=4.266e+09")
	f("GR3D_FREQ 3%@114 GR3D2_FREQ 9%@306", "busy=0.09 sm=3.06e+08")
	f("GR3D_FREQ off", "busy=0")
	f(gpu+"EMC_FREQ 0%", "busy=0.5 emc=0")
	f(gpu+"EMC_FREQ off", "busy=0.5")
	f("EMC 1%@408 APE 25 GR3D 39%@76", "busy=0.39 emc=0.01 sm=7.6e+07 mem=4.08e+08 engine:APE clock=2.5e+07 powered=1")
	f("RAM 1/4MB", "memory_used=1.048576e+06 memory_free=3.145728e+06 memory_total=4.194304e+06 memory_used=0.25 memory:RAM used=1.048576e+06 total=4.194304e+06")
	f(gpu+"SWAP 2/8GB (cached 1MB) IRAM 0/252kB(lfb 252kB)",
		"busy=0.5 memory:SWAP used=2.147483648e+09 total=8.589934592e+09 cached=1.048576e+06 memory:IRAM used=0 total=258048 largest_free_block=258048")
	f(gpu+"SWAP 0/8MB (lfb 3x4MB) (what 1MB) (cached) (lfb x)", "busy=0.5 memory:SWAP used=0 total=8.388608e+06 largest_free_block=4.194304e+06 largest_free_blocks=3")
	f("(lfb 3x4MB) "+gpu, "busy=0.5")

	// CPU cores.
	f(gpu+"CPU [5%@729,off,100%@2035]", "busy=0.5 cpu:0 busy=0.05 clock=7.29e+08 powered=1 cpu:1 powered=0 cpu:2 busy=1 clock=2.035e+09 powered=1")
	f(gpu+"cpu [17%, ,5%]@408", "busy=0.5 cpu:0 busy=0.17 clock=4.08e+08 powered=1 cpu:2 busy=0.05 clock=4.08e+08 powered=1")
	f(gpu+"MTS fg 0% bg 10%", "busy=0.5 engine:fg busy=0 powered=1 engine:bg busy=0.1 powered=1")

	// Engines.
	f(gpu+"NVENC off VIC 0%@729 NVDEC 78%@179 NVJPG1 729 NVDLA0 @600", "busy=0.5 engine:NVENC powered=0 engine:VIC busy=0 clock=7.29e+08 powered=1 "+
		"engine:NVDEC busy=0.78 clock=1.79e+08 powered=1 engine:NVJPG1 clock=7.29e+08 powered=1 engine:NVDLA0 clock=6e+08 powered=1")
	f(gpu+"NVENC0_FREQ @1691 PVA0_FREQ [10%,20%]@704 VIC_LOAD 5% VIC_FREQ @115", "busy=0.5 engine:NVENC0_FREQ clock=1.691e+09 powered=1 "+
		"engine:PVA0_FREQ busy=0.15000000000000002 clock=7.04e+08 powered=1 engine:VIC_LOAD busy=0.05 powered=1 engine:VIC_FREQ clock=1.15e+08 powered=1")
	f(gpu+"FUTURE off FUTURE2 7% FUTURE3 12 FUTURE4 word", "busy=0.5 engine:FUTURE powered=0 engine:FUTURE2 busy=0.07 powered=1")

	// Thermal zones.
	f(gpu+"cpu@47.687C Tboard@35C CV0@-256C gpu@-256C PMIC@100C", "busy=0.5 zone:cpu C=47.687 zone:Tboard C=35")
	f(gpu+"GPU@37C", "busy=0.5 C=37 zone:GPU C=37")
	f(gpu+"gpu@56.937C/66.625C soc012@-5.5C/58.781C", "busy=0.5 C=56.937 zone:gpu C=56.937 zone:soc012 C=-5.5")

	// Rails.
	f(gpu+"VDD_SYS_GPU 77/77 VDD_IN 2930/3405", "busy=0.5 rail:VDD_SYS_GPU W=0.077 rail:VDD_IN W=2.93")
	f(gpu+"GPU 463/463 CPU 618/618 CV 0/0", "busy=0.5 rail:GPU W=0.463 rail:CPU W=0.618 rail:CV W=0")
	f(gpu+"VDD_GPU 37939mW/8660mW/37939mW VIN 124486mW/36487mW/124486mW VDD_GPU_SOC 2171mW", "busy=0.5 rail:VDD_GPU W=37.939 rail:VIN W=124.486 rail:VDD_GPU_SOC W=2.171")
	f(gpu+"CPU_TOT 1.5W/2W NC 0mW/0mW", "busy=0.5 rail:CPU_TOT W=1.5")

	// Whole lines, of generations of which others vary parts.
	f("10-26-2025 05:10:54 RAM 2/4MB (lfb 1x2MB) CPU [1%@2]\tGR3D_FREQ 3%@[4]  gpu@5C VDD_GPU_SOC 6mW/7mW",
		"busy=0.03 memory_used=2.097152e+06 memory_free=2.097152e+06 memory_total=4.194304e+06 memory_used=0.5 C=5 sm=4e+06 "+
			"memory:RAM used=2.097152e+06 total=4.194304e+06 largest_free_block=2.097152e+06 largest_free_blocks=1 cpu:0 busy=0.01 clock=2e+06 powered=1 zone:gpu C=5 rail:VDD_GPU_SOC W=0.006")

	// What cannot be is left out and counted; the rest stays.
	f(gpu+"EMC_FREQ 107%@1600", "busy=0.5 mem=1.6e+09 invalid=1")
	f("RAM 5/4MB "+gpu, "busy=0.5 invalid=1")
	f("RAM 5/4XB "+gpu, "busy=0.5 invalid=1")
	f(gpu+"EMC_FREQ 5x", "busy=0.5 invalid=1")
	f(gpu+"CPU [107%@729,x,3%@-1]", "busy=0.5 cpu:0 clock=7.29e+08 powered=1 cpu:2 busy=0.03 powered=1 invalid=3")
	f(gpu+"CPU [5%@729", "busy=0.5 invalid=1")
	f(gpu+"gpu@300C VDD_IN -5mW/0mW", "busy=0.5 zone:gpu rail:VDD_IN invalid=3")
	f(gpu+"VDD_IN 99999999mW/1mW APE 999999999", "busy=0.5 rail:VDD_IN engine:APE powered=1 invalid=2")
	f(gpu+"GR3D_FREQ 55", "busy=0.5 invalid=1")

	// What is not known costs nothing.
	f(gpu+"cpu@C @5C VDD_X 1/ 5%@ [1%] x y 3 ) ] ] , NAME 12345678901234567890% A/B@5C A%B 3/4", "busy=0.5")
}

func TestNoise(t *testing.T) {
	var s sheet
	for _, line := range []string{
		"", " ", "Tue Jan 26 18:22:31 UTC 2021", "tegrastats: cannot open /sys/kernel/debug", "RAM", "RAM 5MB", "GR3D_FREQ", "GR3D_FREQ x",
		"nvmap: GPU 3/4 failed", "CPU [1%@2]", "gpu@5C VDD_IN 5mW/5mW", "RAM 5/4MB", "%@[1]", "((((", "[", "off off off",
	} {
		if s.parse([]byte(line)) {
			t.Errorf("%q is taken for readings: %s", line, describe(&s))
		}
	}
}
