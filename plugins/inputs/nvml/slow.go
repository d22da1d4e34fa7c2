//go:build cgo

package nvml

import (
	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
)

var (
	fan            = gpuField("fan_ratio")
	linkGeneration = gpuField("pcie_link_generation")
	linkWidth      = gpuField("pcie_link_width")
	replays        = gpuField("pcie_replays")
	bar1Used       = gpuField("bar1_used_bytes")
	bar1Total      = gpuField("bar1_total_bytes")
	protectedUsed  = gpuField("protected_memory_used_bytes")
	protectedTotal = gpuField("protected_memory_total_bytes")

	encoderSessions = gpuField("encoder_sessions")
	encoderFPS      = gpuField("encoder_fps")
	encoderLatency  = gpuField("encoder_latency_seconds")
	captureSessions = gpuField("capture_sessions")
	captureFPS      = gpuField("capture_fps")
	captureLatency  = gpuField("capture_latency_seconds")
)

// slow adds the row of what changes seldom or is dear to ask for, and those of processes.
func (d *device) slow() {
	now := d.clock()
	m := d.row(now.wall)
	var v uint32
	if d.ask(callFan, func() (ret nvml.Return) { v, ret = d.handle.GetFanSpeed(); return ret }) {
		d.share(m, fan, v, 2)
	}
	var n int
	if d.ask(callLinkGeneration, func() (ret nvml.Return) { n, ret = d.handle.GetCurrPcieLinkGeneration(); return ret }) {
		m.Set(linkGeneration, sdk.IntValue(int64(n)))
	}
	if d.ask(callLinkWidth, func() (ret nvml.Return) { n, ret = d.handle.GetCurrPcieLinkWidth(); return ret }) {
		m.Set(linkWidth, sdk.IntValue(int64(n)))
	}
	var bar nvml.BAR1Memory
	if d.ask(callBAR1, func() (ret nvml.Return) { bar, ret = d.handle.GetBAR1MemoryInfo(); return ret }) {
		m.Set(bar1Used, sdk.IntValue(int64(bar.Bar1Used)))
		m.Set(bar1Total, sdk.IntValue(int64(bar.Bar1Total)))
	}
	var p nvml.Memory
	if d.ask(callProtected, func() (ret nvml.Return) { p, ret = d.handle.GetConfComputeProtectedMemoryUsage(); return ret }) && p.Total > 0 {
		m.Set(protectedUsed, sdk.IntValue(int64(p.Used)))
		m.Set(protectedTotal, sdk.IntValue(int64(p.Total)))
	}
	d.sessions(m)
	d.readFields(m, &d.slowFields)
	if _, ok := m.Lookup(replays.Name); !ok &&
		d.ask(callReplays, func() (ret nvml.Return) { n, ret = d.handle.GetPcieReplayCounter(); return ret }) {
		m.Set(replays, sdk.IntValue(int64(n)))
	}
	d.ecc.Observe(d.events.On(d.batch, d.tags, now.wall), m)
	d.reportProcesses(now.wall)
}

// sessions sets what the video encoder and frame buffer capture do.
func (d *device) sessions(m *sdk.Metric) {
	var n int
	var fps, latency uint32
	if d.ask(callEncoderStats, func() (ret nvml.Return) { n, fps, latency, ret = d.handle.GetEncoderStats(); return ret }) {
		m.Set(encoderSessions, sdk.IntValue(int64(n)))
		m.Set(encoderFPS, sdk.IntValue(int64(fps)))
		m.Set(encoderLatency, sdk.FloatValue(float64(latency)/1e6))
	}
	var c nvml.FBCStats
	if d.ask(callCaptureStats, func() (ret nvml.Return) { c, ret = d.handle.GetFBCStats(); return ret }) {
		m.Set(captureSessions, sdk.IntValue(int64(c.SessionsCount)))
		m.Set(captureFPS, sdk.IntValue(int64(c.AverageFPS)))
		m.Set(captureLatency, sdk.FloatValue(float64(c.AverageLatency)/1e6))
	}
}
