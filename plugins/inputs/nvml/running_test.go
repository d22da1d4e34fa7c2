//go:build cgo

package nvml

import (
	"strconv"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// TestProcessRecords lists more processes than there is room for at first, through drivers that write records of
// another length.
func TestProcessRecords(t *testing.T) {
	f := func(version string) {
		t.Run(version, func(t *testing.T) {
			c := usual()
			c.Processes, c.SlowInterval = 100, time.Second
			h := newHost(t, 1, c, 100*ms, func(s *fakedriver.Scenario) {
				s.Driver = version
				for i := range 70 {
					s.GPUs[0].Process(fakedriver.Process{PID: 4_000_000 + i, To: fakedriver.Never, MemoryMiB: 100 + i, SM: i})
				}
			})
			h.open()
			memory, use := map[string]float64{}, map[string]float64{}
			for _, r := range of(h.tick(300*ms), "gpu_process", "0") {
				memory[r.tags["pid"]], use[r.tags["pid"]] = r.fields["memory_used_bytes"], r.fields["sm_ratio"]
			}
			for i := range 70 {
				if got := memory[strconv.Itoa(4_000_000+i)]; got != float64((100+i)<<20) {
					t.Errorf("process %d of %d has %v bytes", i, len(memory), got)
				}
				if got := use[strconv.Itoa(4_000_000+i)]; got != float64(i)/100 {
					t.Errorf("process %d of %d uses %v of the multiprocessors", i, len(memory), got)
				}
			}
		})
	}
	f("525.147.05")
	f("535.54.03")
	f("535.86.10")
	f("535.104.05")
	f("580.95.05")
}
