package tegrastats

import (
	"os"
	"path/filepath"
	"testing"
)

// plant writes files below a new folder, and returns it.
func plant(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		write(t, root, name, text)
	}
	return root
}

func write(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// orin is an AGX Orin with JetPack 6.
func orin() map[string]string {
	return map[string]string{
		"proc/device-tree/model":                               "NVIDIA Jetson AGX Orin Developer Kit\x00",
		"proc/device-tree/compatible":                          "nvidia,p3737-0000+p3701-0005\x00nvidia,tegra234\x00",
		"proc/device-tree/serial-number":                       "1420123456789\x00",
		"proc/meminfo":                                         "MemTotal:       64349964 kB\nMemFree:        1 kB\nMemAvailable:   57305684 kB\nSwapCached:         1024 kB\nSwapTotal:      32174976 kB\nSwapFree:       32172928 kB\n",
		"etc/nv_tegra_release":                                 "# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic, EABI: aarch64, DATE: x\n# more\n",
		"sys/devices/platform/gpu.0/load":                      "375\n",
		"sys/class/devfreq/17000000.gpu/cur_freq":              "1020000000\n",
		"sys/class/devfreq/17000000.gpu/max_freq":              "1300500000\n",
		"sys/class/devfreq/15880000.nvjpg/cur_freq":            "5000000000\n",
		"sys/class/thermal/thermal_zone0/type":                 "cpu-thermal\n",
		"sys/class/thermal/thermal_zone0/temp":                 "47687\n",
		"sys/class/thermal/thermal_zone1/type":                 "gpu-thermal\n",
		"sys/class/thermal/thermal_zone1/temp":                 "43218\n",
		"sys/class/thermal/thermal_zone10/type":                "cv0-thermal\n",
		"sys/class/thermal/thermal_zone10/temp":                "\n",
		"sys/class/hwmon/hwmon3/name":                          "ina3221\n",
		"sys/class/hwmon/hwmon3/in1_label":                     "VDD_GPU_SOC\n",
		"sys/class/hwmon/hwmon3/in1_input":                     "20000\n",
		"sys/class/hwmon/hwmon3/curr1_input":                   "160\n",
		"sys/class/hwmon/hwmon3/in2_label":                     "VDD_CPU_CV\n",
		"sys/class/hwmon/hwmon3/in2_input":                     "20000\n",
		"sys/class/hwmon/hwmon3/curr2_input":                   "40\n",
		"sys/class/hwmon/hwmon3/in3_label":                     "NC\n",
		"sys/class/hwmon/hwmon3/in3_input":                     "1\n",
		"sys/class/hwmon/hwmon3/curr3_input":                   "1\n",
		"sys/class/hwmon/hwmon3/in7_label":                     "sum of shunt voltages\n",
		"sys/class/hwmon/hwmon3/in7_input":                     "1\n",
		"sys/class/hwmon/hwmon3/curr7_input":                   "1\n",
		"sys/class/hwmon/hwmon1/name":                          "pwmfan\n",
		"sys/class/hwmon/hwmon1/pwm1":                          "51\n",
		"sys/class/hwmon/hwmon2/name":                          "pwm_tach\n",
		"sys/class/hwmon/hwmon2/rpm":                           "1786\n",
		"sys/class/hwmon/hwmon5/name":                          "soctherm_oc\n",
		"sys/class/hwmon/hwmon5/oc1_event_cnt":                 "0\n",
		"sys/class/hwmon/hwmon5/oc1_throt_en":                  "1\n",
		"sys/class/hwmon/hwmon5/oc3_event_cnt":                 "27390\n",
		"sys/class/hwmon/hwmon5/oc3_throt_en":                  "1\n",
		"sys/class/hwmon/hwmon4/name":                          "nvme\n",
		"sys/class/hwmon/hwmon4/temp1_input":                   "1\n",
		"sys/kernel/debug/bpmp/debug/clk/emc/rate":             "2133000000\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "729600\n",
		"sys/class/thermal/thermal_zone2/type":                 "PMIC-Die\n",
		"sys/class/thermal/thermal_zone2/temp":                 "100000\n",
		"sys/class/thermal/thermal_zone3/type":                 "no zone at all\n",
		"sys/class/thermal/thermal_zone3/temp":                 "100000\n",
	}
}

// tx2 is a TX2 with JetPack 4, as kernels before 5.10 offer things.
func tx2() map[string]string {
	return map[string]string{
		"sys/firmware/devicetree/base/model":      "quill\x00",
		"sys/firmware/devicetree/base/compatible": "nvidia,quill\x00nvidia,tegra186\x00",
		"proc/meminfo":                                                    "MemTotal: 8048096 kB\nMemAvailable: 7130592 kB\n",
		"sys/devices/gpu.0/load":                                          "0\n",
		"sys/class/devfreq/17000000.gp10b/cur_freq":                       "114750000\n",
		"sys/class/thermal/thermal_zone2/type":                            "GPU-therm\n",
		"sys/class/thermal/thermal_zone2/temp":                            "30500\n",
		"sys/class/thermal/thermal_zone5/type":                            "Tboard_tegra\n",
		"sys/class/thermal/thermal_zone5/temp":                            "29000\n",
		"sys/class/thermal/thermal_zone7/type":                            "thermal-fan-est\n",
		"sys/class/thermal/thermal_zone7/temp":                            "32800\n",
		"sys/bus/i2c/drivers/ina3221x/0-0040/iio:device0/rail_name_0":     "VDD_SYS_GPU\n",
		"sys/bus/i2c/drivers/ina3221x/0-0040/iio:device0/in_power0_input": "153\n",
		"sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/rail_name_0":     "VDD_IN\n",
		"sys/bus/i2c/drivers/ina3221x/0-0041/iio:device1/in_power0_input": "1610\n",
		"sys/devices/pwm-fan/target_pwm":                                  "255\n",
		"sys/devices/pwm-fan/rpm_measured":                                "3000\n",
	}
}

// thor is a Thor with JetPack 7, whose GPU stands on PCI, within a container.
func thor() map[string]string {
	return map[string]string{
		"sys/devices/soc0/family":              "Tegra\n",
		"sys/devices/soc0/machine":             "NVIDIA Jetson AGX Thor Developer Kit\n",
		"proc/meminfo":                         "MemTotal: 128767552 kB\nMemAvailable: 120000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
		"sys/class/devfreq/gpu-gpc-0/cur_freq": "1574000000\n",
		"sys/class/devfreq/gpu-nvd-0/cur_freq": "9999000000\n",
		"sys/class/hwmon/hwmon0/name":          "ina238\n",
		"sys/class/hwmon/hwmon0/in1_label":     "VIN\n",
		"sys/class/hwmon/hwmon0/power1_input":  "28906000\n",
		"sys/class/hwmon/hwmon1/name":          "ina3221\n",
		"sys/class/hwmon/hwmon1/in1_label":     "VDD_GPU\n",
		"sys/class/hwmon/hwmon1/in1_input":     "25000\n",
		"sys/class/hwmon/hwmon1/curr1_input":   "253\n",
	}
}
