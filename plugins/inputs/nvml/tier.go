//go:build cgo

package nvml

import (
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// tier is a group of calls that are made equally often: dear ones rarely.
type tier int

const (
	tierFast tier = iota
	tierNormal
	tierGPM
	tierSlow
	tierInfo
	tierCount
)

// infoInterval is how often gpu_info is said again.
const infoInterval = 5 * time.Minute

// idleAfter is how long a GPU does nothing before it is read more rarely.
const idleAfter = 30 * time.Second

var up = gpuField("up")

// run makes the calls that are due, and leaves the rows in the batch.
func (d *device) run(now int64) {
	if d.counting.Load() {
		d.countTraffic(nil)
		return
	}
	if d.missing {
		if d.reached(tierNormal, now, d.tiers.normal) {
			d.row(d.clock().wall).Set(up, sdk.IntValue(0))
		}
		return
	}
	if d.lost && !d.recovered(now) {
		return
	}
	if !d.begun {
		d.begun, d.busy = true, now
		d.startProfiling()
	}
	fast := d.pace(now)
	if !d.reached(tierFast, now, fast) {
		return
	}
	d.fast()
	if d.broken != nil {
		return
	}
	if fast > d.tiers.fast && now-d.busy <= int64(idleAfter) { // it works again
		d.due[tierFast] = now + int64(d.tiers.fast)
	}
	if d.reached(tierNormal, now, d.tiers.normal) {
		d.normal()
	}
	if d.gpm != nil && d.reached(tierGPM, now, d.tiers.gpm) {
		d.profile()
	}
	if d.reached(tierSlow, now, d.tiers.slow) {
		d.findInstances()
		d.slow()
	}
	if d.reached(tierInfo, now, infoInterval) {
		d.inform()
		d.measureRings()
	}
	if d.lost {
		d.row(d.clock().wall).Set(up, sdk.IntValue(0))
	}
}

// pace returns how often the GPU is read. Whoever follows it by its readings, as outputs.prometheus does, takes it for gone
// when it is silent for three times as long as before, and for more than 30 s: so the silence of an idle one grows.
func (d *device) pace(now int64) time.Duration {
	idle := time.Duration(now - d.busy)
	if idle <= idleAfter {
		return d.tiers.fast
	}
	return max(d.tiers.fast, min(d.tiers.idle, idle*2/3))
}

// reached reports whether a tier is due, and when it is makes it due again an interval later. Ticks come a
// little early or late; one that is early by less than half the fast interval counts.
func (d *device) reached(t tier, now int64, every time.Duration) bool {
	if now < d.due[t]-int64(d.tiers.fast)/2 {
		return false
	}
	next := d.due[t] + int64(every)
	switch {
	case d.due[t] == 0 && t >= tierSlow:
		next = now + int64(every-d.shift) // the GPUs take turns, so that no tick bears all of it
	case d.due[t] == 0 || next <= now:
		next = now + int64(every)
	}
	d.due[t] = next
	return true
}

// recovered asks a lost GPU for its temperature at each normal interval, and reports whether it answers.
func (d *device) recovered(now int64) bool {
	if !d.reached(tierNormal, now, d.tiers.normal) {
		return false
	}
	d.lost = false
	at := d.clock().wall
	ret := nvml.ERROR_GPU_IS_LOST
	if d.lib.has(callTemperature) {
		d.calling.Store(uint32(callTemperature) + 1)
		ret = d.readTemperature()
		d.calling.Store(0)
	}
	if ret != nvml.SUCCESS && !final(ret) {
		d.lost = true
		d.row(at).Set(up, sdk.IntValue(0))
		return false
	}
	d.forget()
	d.events.On(d.batch, d.tags, at).Found("the GPU answers again")
	d.due = [tierCount]int64{}
	return true
}
