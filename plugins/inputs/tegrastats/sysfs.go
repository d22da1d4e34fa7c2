package tegrastats

import (
	"errors"
	"time"
)

// sysfs is what the kernel offers of a Jetson below /sys and /proc. It belongs to one goroutine.
type sysfs struct {
	root    string
	looked  time.Time // when all files were opened
	load    *node     // of the GPU, in per mille
	clocks  []*node
	maximum *node
	emc     *node // root's alone
	meminfo *node
	zones   []thermalZone
	rails   []railMonitor
	fans    []fanControl
	limits  []currentLimit
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

// hasGPU reports whether anything of a GPU can be read.
func (y *sysfs) hasGPU() bool { return y.load != nil || len(y.clocks) > 0 }

// lookAgain is how often all files are opened anew.
const lookAgain = time.Minute

// renew opens all files anew from time to time: when the kernel removes a device and finds it again, the files that
// are open stay empty.
func (y *sysfs) renew(now time.Time) {
	if now.Sub(y.looked) < lookAgain {
		return
	}
	_ = y.close() // they were read alone
	*y = *openSysfs(y.root)
	y.looked = now
}

// close closes all files.
func (y *sysfs) close() error {
	errs := []error{y.closeLimits(), y.load.close(), y.maximum.close(), y.emc.close(), y.meminfo.close()}
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
	y.readLimits(s)
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
