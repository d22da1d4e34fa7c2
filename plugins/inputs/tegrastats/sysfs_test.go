package tegrastats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// dump reads a tree once and writes the metrics.
func dump(t *testing.T, root string) string {
	t.Helper()
	y := openSysfs(root)
	defer func() {
		if err := y.close(); err != nil {
			t.Error(err)
		}
	}()
	id := identify(root)
	id.clock, _ = y.maximum.number()
	var s sheet
	y.read(&s)
	s.at = 1
	b := newBatch()
	newBoard(id).report(b, &s)
	return strings.ReplaceAll(strings.Join(sdktest.Dump(b), "\n"), ",source=tegrastats", "") + "\n"
}

func TestSysfs(t *testing.T) {
	f := func(files map[string]string, want string) {
		t.Helper()
		if diff := cmp.Diff(want, dump(t, plant(t, files))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	f(orin(), `gpu,gpu_index=0,gpu_name=NVIDIA\ Jetson\ AGX\ Orin\ Developer\ Kit up=1i,utilization_ratio=0.375,memory_used_bytes=7213342720i,memory_free_bytes=58681020416i,memory_total_bytes=65894363136i,memory_used_ratio=0.10946828190921754,power_watts=3.2,temperature_celsius=43.218,fan_ratio=0.2,clock_sm_hertz=1020000000i,clock_memory_hertz=2133000000i 1
soc,component=memory,name=ram used_bytes=7213342720i,total_bytes=65894363136i 1
soc,component=memory,name=swap used_bytes=2097152i,total_bytes=32947175424i,cached_bytes=1048576i 1
soc,component=zone,name=cpu temperature_celsius=47.687 1
soc,component=zone,name=gpu temperature_celsius=43.218 1
soc,component=rail,name=VDD_GPU_SOC power_watts=3.2 1
soc,component=rail,name=VDD_CPU_CV power_watts=0.8 1
soc,component=fan,name=pwmfan fan_ratio=0.2 1
soc,component=fan,name=pwm_tach fan_rpm=1786i 1
soc,component=over_current,name=oc1 throttle_events=0i 1
soc,component=over_current,name=oc3 throttle_events=27390i 1
gpu_info,gpu_index=0,gpu_name=NVIDIA\ Jetson\ AGX\ Orin\ Developer\ Kit driver_version="R36.4.7",serial="1420123456789",architecture="Ampere",compute_capability="8.7",power_rail="VDD_GPU_SOC",clock_sm_max_hertz=1300500000i 1 class=info
`)
	f(tx2(), `gpu,gpu_index=0,gpu_name=quill up=1i,utilization_ratio=0,memory_used_bytes=939524096i,memory_free_bytes=7301726208i,memory_total_bytes=8241250304i,memory_used_ratio=0.11400261627097888,power_watts=0.153,module_power_watts=1.61,temperature_celsius=30.5,fan_ratio=1,clock_sm_hertz=114750000i 1
soc,component=memory,name=ram used_bytes=939524096i,total_bytes=8241250304i 1
soc,component=memory,name=swap used_bytes=0i,total_bytes=0i,cached_bytes=0i 1
soc,component=zone,name=gpu temperature_celsius=30.5 1
soc,component=zone,name=tboard temperature_celsius=29 1
soc,component=zone,name=thermal temperature_celsius=32.8 1
soc,component=rail,name=VDD_SYS_GPU power_watts=0.153 1
soc,component=rail,name=VDD_IN power_watts=1.61 1
soc,component=fan,name=pwm-fan fan_ratio=1,fan_rpm=3000i 1
gpu_info,gpu_index=0,gpu_name=quill architecture="Pascal",compute_capability="6.2",power_rail="VDD_SYS_GPU" 1 class=info
`)
	f(thor(), `gpu,gpu_index=0,gpu_name=NVIDIA\ Jetson\ AGX\ Thor\ Developer\ Kit up=1i,memory_used_bytes=8977973248i,memory_free_bytes=122880000000i,memory_total_bytes=131857973248i,memory_used_ratio=0.06808820905440525,power_watts=6.325,module_power_watts=28.906,clock_sm_hertz=1574000000i 1
soc,component=memory,name=ram used_bytes=8977973248i,total_bytes=131857973248i 1
soc,component=memory,name=swap used_bytes=0i,total_bytes=0i,cached_bytes=0i 1
soc,component=rail,name=VIN power_watts=28.906 1
soc,component=rail,name=VDD_GPU power_watts=6.325 1
gpu_info,gpu_index=0,gpu_name=NVIDIA\ Jetson\ AGX\ Thor\ Developer\ Kit power_rail="VDD_GPU" 1 class=info
`)
	f(map[string]string{}, "gpu,gpu_index=0,gpu_name=NVIDIA\\ Tegra up=1i 1\n")
}

// TestSysfsChanges holds that an open file shows what the kernel would say now.
func TestSysfsChanges(t *testing.T) {
	root := plant(t, orin())
	y := openSysfs(root)
	defer func() { _ = y.close() }()
	var s sheet
	f := func(load string, want float64, have bool, invalid int) {
		t.Helper()
		write(t, root, "sys/devices/platform/gpu.0/load", load)
		y.read(&s)
		if got := s.gpu.has(gpuUtilization); got != have || have && s.gpu.v[gpuUtilization] != want || s.invalid != invalid {
			t.Errorf("%q: %v %v invalid %d", load, got, s.gpu.v[gpuUtilization], s.invalid)
		}
	}
	f("1000\n", 1, true, 0)
	f("7\n", 0.007, true, 0)
	f("", 0, false, 0)
	f("EBUSY\n", 0, false, 0)
	f("1001\n", 0, false, 1)
	f("-1\n", 0, false, 1)
}

func TestSupplement(t *testing.T) {
	y := openSysfs(plant(t, orin()))
	defer func() { _ = y.close() }()
	var s sheet
	f := func(line, want string) {
		t.Helper()
		s.parse([]byte(line))
		y.supplement(&s)
		if got := describe(&s); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
	const fans = " fan:pwmfan fan=0.2 fan:pwm_tach fan_rpm=1786 over_current:oc1 throttle_events=0 over_current:oc3 throttle_events=27390"
	f("GR3D_FREQ 5%@300 EMC_FREQ 1%@204 VDD_IN 5mW/5mW", "busy=0.05 emc=0.01 fan=0.2 sm=3e+08 mem=2.04e+08 rail:VDD_IN W=0.005"+fans)
	f("GR3D_FREQ 5% VDD_IN 5mW/5mW", "busy=0.05 fan=0.2 sm=1.02e+09 mem=2.133e+09 rail:VDD_IN W=0.005"+fans)
	f("GR3D_FREQ @[306]", "busy=0.375 fan=0.2 sm=3.06e+08 mem=2.133e+09 rail:VDD_GPU_SOC W=3.2 rail:VDD_CPU_CV W=0.8"+fans)
}

func TestLookBelow(t *testing.T) {
	f := func(files map[string]string, path, want, wantErr string) {
		t.Helper()
		root := plant(t, files)
		t.Setenv("PATH", filepath.Join(root, path))
		got, err := lookBelow(root)
		if strings.TrimPrefix(got, root) != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q, %v; want %q, %q", got, err, want, wantErr)
		}
	}
	for _, tree := range []map[string]string{orin(), tx2(), thor()} {
		f(tree, "bin", "/sys", "")
	}
	f(map[string]string{}, "bin", "", "another machine")
	f(map[string]string{"proc/device-tree/compatible": "raspberrypi,4\x00", "sys/devices/gpu.0/load": "1"}, "bin", "", "another machine")
	f(map[string]string{"proc/device-tree/compatible": "nvidia,tegra234\x00"}, "bin", "", "install nvidia-l4t-tools")

	root := plant(t, orin())
	write(t, root, "bin/tegrastats", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(root, "bin/tegrastats"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(root, "bin"))
	if got, err := lookBelow(root); err != nil || got != filepath.Join(root, "bin/tegrastats") {
		t.Errorf("%q, %v", got, err)
	}
}

func newBatch() *sdk.Batch { return sdk.NewBatch(sdk.NewCatalog(sdk.Limits{})) }
