package isolate

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// pulse tells the agent each beat how long the plugin's call has been running, and which figures have
// changed, until ctx ends.
func (w *worker) pulse(ctx context.Context) {
	defer w.process.close()
	ticker := time.NewTicker(w.order.Beat)
	defer ticker.Stop()
	swept := time.Now()
	w.env.Catalog.Sweep(swept)
	for {
		w.process.measure()
		w.env.Now() // a step of the clock is found where the plugin does not ask for the time, too
		w.out.message(func(dst []byte) []byte { return w.figures.append(appendBeat(dst, w.running())) })
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if now.Sub(swept) >= time.Minute {
				w.env.Catalog.Sweep(now)
				swept = now
			}
		}
	}
}

func (w *worker) running() time.Duration {
	since := w.calling.Load()
	if since == 0 {
		return 0
	}
	return time.Since(w.start) - time.Duration(since)
}

// process measures what the child costs.
type process struct {
	cpu, memory *sdk.Number
	statm       *os.File
	buf         [128]byte
}

const (
	cpuName, cpuHelp       = "gpuline_child_cpu_seconds_total", "Processor time that the input's child processes have used."
	memoryName, memoryHelp = "gpuline_child_resident_bytes", "Memory that the input's child process occupies."
)

func newProcess(m *sdk.Meter) process {
	p := process{cpu: m.Counter(cpuName, cpuHelp), memory: m.Gauge(memoryName, "bytes", memoryHelp)}
	p.statm, _ = os.Open("/proc/self/statm") // without it the memory stays 0
	return p
}

func (p *process) close() {
	if p.statm != nil {
		_ = p.statm.Close()
	}
}

func (p *process) measure() {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		p.cpu.Set(seconds(ru.Utime) + seconds(ru.Stime))
	}
	if p.statm == nil {
		return
	}
	n, _ := p.statm.ReadAt(p.buf[:], 0)
	if fields := bytes.Fields(p.buf[:n]); len(fields) > 1 {
		if pages, err := strconv.ParseFloat(string(fields[1]), 64); err == nil {
			p.memory.Set(pages * float64(os.Getpagesize()))
		}
	}
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
