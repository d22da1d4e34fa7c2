package pipeline

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gpuline/gpuline/pipeline/queue"
)

// TestBatchThatIsTriedExpires: a far end that returns gets nothing older than max_age, the batch that is tried again
// and again included.
func TestBatchThatIsTriedExpires(t *testing.T) {
	f := func(disk string) {
		t.Helper()
		inBubble(t, func(t *testing.T, r *rig) {
			sink := refusing()
			r.input(&ticking{name: "s"})
			out := r.output(sink)
			out.Queue.Disk, out.Queue.MaxAge = disk, time.Minute
			_, stop := r.start()
			time.Sleep(10*time.Minute + 500*time.Millisecond)
			sink.up.Store(true)
			time.Sleep(time.Minute)
			l, _ := stop()
			o := l.Outputs[0]
			if len(o.Drops) != 1 || o.Drops[0].Reason != queue.DropExpired || o.Drops[0].Count+o.Delivered != o.Offered || o.Drops[0].Count < 500 {
				t.Errorf("%+v", o)
			}
			if first := sink.Lines()[0]; first == "s,host=h x=1 1" {
				t.Errorf("a row of ten minutes ago was delivered: %s", first)
			}
		})
	}
	f("")
	f(filepath.Join(t.TempDir(), "queue"))
}
