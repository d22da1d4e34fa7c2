package pipeline

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestFilterForgetsSeriesThatLeft: an output's filter remembers no more series than there are.
func TestFilterForgetsSeriesThatLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		sink := &sdktest.Sink{}
		in := r.input(&churning{})
		in.Interval = time.Minute
		r.output(sink).Filter = Filter{Metrics: []string{"s"}}
		p, stop := r.start()
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		o := p.now().outputs[0]
		if n := len(o.filter.rows); n > 70*10 {
			t.Errorf("%d series are remembered, of which about 60 × 10 are alive", n)
		}
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// churning reads ten series at each gather that were never there before, as of processes.
type churning struct{ n int64 }

func (c *churning) Gather(_ context.Context, b *sdk.Batch) error {
	for range 10 {
		c.n++
		b.Add(b.Series("s", sdk.Tag{Key: "pid", Value: strconv.FormatInt(c.n, 10)}), c.n).Float("x", 1)
	}
	return nil
}
