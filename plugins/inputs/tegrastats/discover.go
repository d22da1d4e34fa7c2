package tegrastats

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The names of integrated GPUs as devices.
var gpuDevices = []string{"gpu", "gk20a", "gm20b", "gp10b", "gv11b", "ga10b", "gb10b"}

// openSysfs looks for what there is below root, and keeps it open.
func openSysfs(root string) *sysfs {
	y := &sysfs{root: root, looked: time.Now(), meminfo: open(filepath.Join(root, "proc/meminfo"))}
	loads := []string{filepath.Join(root, "sys/devices/gpu.0/load"), filepath.Join(root, "sys/devices/platform/gpu.0/load")}
	for _, dir := range glob(root, "sys/class/devfreq/*") {
		if !isGPUDevice(dir) {
			continue
		}
		loads = append(loads, filepath.Join(dir, "device/load"))
		if n := open(filepath.Join(dir, "cur_freq")); n != nil {
			y.clocks = append(y.clocks, n)
		}
		if y.maximum == nil {
			y.maximum = open(filepath.Join(dir, "max_freq"))
		}
	}
	y.load = open(loads...)
	y.emc = open(filepath.Join(root, "sys/kernel/debug/bpmp/debug/clk/emc/rate"))
	for _, dir := range glob(root, "sys/class/thermal/thermal_zone*") {
		name, temp := textOf(filepath.Join(dir, "type")), open(filepath.Join(dir, "temp"))
		if temp != nil && isName([]byte(name)) {
			y.zones = append(y.zones, thermalZone{[]byte(name), temp})
			continue
		}
		_ = temp.close()
	}
	for _, dir := range glob(root, "sys/class/hwmon/hwmon*") {
		y.monitor(dir)
		y.addLimits(dir)
	}
	for _, dir := range glob(root, "sys/bus/i2c/drivers/ina3221x/*/iio:device*") {
		y.monitorIIO(dir)
	}
	if dir := filepath.Join(root, "sys/devices/pwm-fan"); len(y.fans) == 0 {
		y.addFan("pwm-fan", open(filepath.Join(dir, "cur_pwm"), filepath.Join(dir, "target_pwm")), open(filepath.Join(dir, "rpm_measured")))
	}
	return y
}

// isGPUDevice reports whether a folder of devfreq is a GPU's: 17000000.ga10b, 17000000.gpu, or gpu-gpc-0.
func isGPUDevice(dir string) bool {
	base := filepath.Base(dir)
	_, device, _ := strings.Cut(base, ".")
	return slices.Contains(gpuDevices, device) || strings.HasPrefix(base, "gpu-gpc") ||
		slices.Contains(gpuDevices, textOf(filepath.Join(dir, "device/of_node/name")))
}

// monitor takes a chip of hwmon: a power monitor, a fan, or what is of no interest.
func (y *sysfs) monitor(dir string) {
	name := textOf(filepath.Join(dir, "name"))
	pwm, rpm := filepath.Join(dir, "pwm1"), open(filepath.Join(dir, "rpm"), filepath.Join(dir, "fan1_input"))
	switch {
	case strings.HasPrefix(name, "ina"):
		for channel := 0; channel <= 8; channel++ {
			file := func(before, after string) string {
				return filepath.Join(dir, before+strconv.Itoa(channel)+after)
			}
			y.addRail(textOf(file("in", "_label"), file("power", "_label"), file("curr", "_label")), railMonitor{
				power: open(file("power", "_input")), perWatt: 1e6,
				volts: open(file("in", "_input")), amps: open(file("curr", "_input")),
			})
		}
	case strings.Contains(name, "fan"), strings.Contains(name, "tach"), rpm != nil:
		y.addFan(name, open(pwm), rpm)
		return
	}
	_ = rpm.close()
}

// monitorIIO takes a power monitor as kernels before 5.10 offer it.
func (y *sysfs) monitorIIO(dir string) {
	for _, path := range glob(dir, "rail_name_*") {
		channel := path[strings.LastIndexByte(path, '_')+1:]
		y.addRail(textOf(path), railMonitor{power: open(filepath.Join(dir, "in_power"+channel+"_input")), perWatt: 1e3})
	}
}

// addRail adds a rail that can be read. A sum of shunt voltages is none.
func (y *sysfs) addRail(name string, r railMonitor) {
	if isName([]byte(name)) && name != notConnected && (r.power != nil || r.volts != nil && r.amps != nil) {
		r.name = []byte(name)
		y.rails = append(y.rails, r)
		return
	}
	_ = errors.Join(r.power.close(), r.volts.close(), r.amps.close())
}

func (y *sysfs) addFan(name string, pwm, rpm *node) {
	if isName([]byte(name)) && (pwm != nil || rpm != nil) {
		y.fans = append(y.fans, fanControl{[]byte(name), pwm, rpm})
		return
	}
	_ = errors.Join(pwm.close(), rpm.close())
}
