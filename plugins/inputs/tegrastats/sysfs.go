package tegrastats

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sysfs is what the kernel offers of a Jetson below /sys and /proc. It belongs to one goroutine.
type sysfs struct {
	root    string
	load    *node // of the GPU, in per mille
	clocks  []*node
	maximum *node
	emc     *node // root's alone
	meminfo *node
	zones   []thermalZone
	rails   []railMonitor
	fans    []fanControl
	buf     [4 << 10]byte
}

type thermalZone struct {
	name []byte
	temp *node // in m°C
}

// railMonitor is a channel of a power monitor, which gives power, or voltage and current.
type railMonitor struct {
	name        []byte
	power       *node
	perWatt     float64 // of power
	volts, amps *node   // in mV and mA
}

type fanControl struct {
	name []byte
	pwm  *node // 0 to 255
	rpm  *node
}

// The names of integrated GPUs as devices.
var gpuDevices = []string{"gpu", "gk20a", "gm20b", "gp10b", "gv11b", "ga10b", "gb10b"}

// openSysfs looks for what there is below root, and keeps it open.
func openSysfs(root string) *sysfs {
	y := &sysfs{root: root, meminfo: open(filepath.Join(root, "proc/meminfo"))}
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
		}
	}
	for _, dir := range glob(root, "sys/class/hwmon/hwmon*") {
		y.monitor(dir)
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

// hasGPU reports whether anything of a GPU can be read.
func (y *sysfs) hasGPU() bool { return y.load != nil || len(y.clocks) > 0 }

// close closes all files.
func (y *sysfs) close() error {
	errs := []error{y.load.close(), y.maximum.close(), y.emc.close(), y.meminfo.close()}
	for _, n := range y.clocks {
		errs = append(errs, n.close())
	}
	for _, z := range y.zones {
		errs = append(errs, z.temp.close())
	}
	for _, r := range y.rails {
		errs = append(errs, r.power.close(), r.volts.close(), r.amps.close())
	}
	for _, f := range y.fans {
		errs = append(errs, f.pwm.close(), f.rpm.close())
	}
	return errors.Join(errs...)
}

// read reads all there is into s.
func (y *sysfs) read(s *sheet) {
	s.reset()
	y.readMemory(s)
	for i := range y.zones {
		if v, ok := y.zones[i].temp.number(); ok {
			s.temperature(y.zones[i].name, v/1000)
		}
	}
	y.supplement(s)
}

// supplement adds what a line of tegrastats never has, or lacks on some releases and for some users.
func (y *sysfs) supplement(s *sheet) {
	if !s.gpu.has(gpuUtilization) {
		if v, ok := y.load.number(); ok {
			s.putGPU(gpuUtilization, v/1000)
		}
	}
	if !s.gpu.has(gpuClock) {
		for _, n := range y.clocks {
			if v, ok := n.number(); ok {
				s.putMost(gpuClock, v)
			}
		}
	}
	if !s.gpu.has(gpuMemoryClock) {
		if v, ok := y.emc.number(); ok {
			s.putGPU(gpuMemoryClock, v)
		}
	}
	if !s.has(rail) {
		y.readRails(s)
	}
	for i := range y.fans {
		f := &y.fans[i]
		p := s.add(fan, f.name)
		if v, ok := f.pwm.number(); ok {
			s.putPart(p, socFan, v/255)
			s.putMost(gpuFan, v/255)
		}
		if v, ok := f.rpm.number(); ok {
			s.putPart(p, socFanRPM, v)
		}
	}
}

func (y *sysfs) readRails(s *sheet) {
	for i := range y.rails {
		r := &y.rails[i]
		if v, ok := r.power.number(); ok {
			s.putPart(s.add(rail, r.name), socPower, v/r.perWatt)
			continue
		}
		mV, ok := r.volts.number()
		mA, also := r.amps.number()
		if ok && also {
			s.putPart(s.add(rail, r.name), socPower, mV*mA/1e6)
		}
	}
}

var (
	ramName  = []byte("RAM")
	swapName = []byte("SWAP")
)

// readMemory reads /proc/meminfo, whose kB are 1,024 bytes.
func (y *sysfs) readMemory(s *sheet) {
	var total, available, swap, swapFree, cached float64
	have := false
	for rest := y.meminfo.read(y.buf[:]); len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		key, text, _ := bytes.Cut(line, []byte(":"))
		v, n := decimal(bytes.TrimSpace(text))
		if n == 0 {
			continue
		}
		v *= 1 << 10
		switch string(key) {
		case "MemTotal":
			total = v
		case "MemAvailable":
			available, have = v, true
		case "SwapTotal":
			swap = v
		case "SwapFree":
			swapFree = v
		case "SwapCached":
			cached = v
		}
	}
	if !have || available > total || swapFree > swap {
		return
	}
	s.unified(total-available, total)
	p := s.add(memory, ramName)
	s.putPart(p, socUsed, total-available)
	s.putPart(p, socTotal, total)
	p = s.add(memory, swapName)
	s.putPart(p, socUsed, swap-swapFree)
	s.putPart(p, socTotal, swap)
	s.putPart(p, socCached, cached)
}
