package prometheus

import (
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// quiet is the least silence after which a reading of a GPU leaves the page, however long others may stay: a GPU, a
// MIG instance or a process that is no longer there is not told of, and what was said of it last is no longer true.
const quiet = int64(30 * time.Second)

// silent reports whether the series has been silent for three times as long as ever before, and for as long as its
// cell says at least.
func (f *family) silent(i int, now int64) bool {
	least := f.cells[i].quiet
	return least > 0 && f.gaps[i] > 0 && now-f.seen[i] > max(least, 3*f.gaps[i])
}

// isPolled reports whether a metric is one of those that inputs tell of regularly. An XID is told once, and above all
// of a GPU that then is silent; what others send comes when it comes.
func isPolled(m *sdk.Metric) bool {
	switch name := m.Name(); {
	case name == vocabulary.Pod: // told each time that the kubelet is asked
		return true
	case m.Class() == sdk.ClassEvent || m.Class() == sdk.ClassInfo || name == xidName.Measurement:
		return false
	default:
		return name == vocabulary.GPU || name == vocabulary.Process || name == vocabulary.TelegrafMeasurement || isDCGM(name)
	}
}

var (
	xidName, _      = vocabulary.AsDCGM(vocabulary.GPU, "xid")
	dcgmUUID, _     = vocabulary.DCGMTag(vocabulary.TagUUID)
	telegrafUUID, _ = vocabulary.TelegrafTag(vocabulary.TagUUID)
)

func isDCGM(name string) bool { return strings.HasPrefix(name, "DCGM_") }

// deviceOf returns the UUID of the GPU that a metric is of, in whose words it may be; "" where it is of none.
func deviceOf(m *sdk.Metric) string {
	switch name := m.Name(); {
	case isDCGM(name):
		return m.Tag(dcgmUUID)
	case name == vocabulary.TelegrafMeasurement:
		return m.Tag(telegrafUUID)
	}
	return m.Tag(vocabulary.TagUUID)
}
