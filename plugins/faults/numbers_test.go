package faults

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// numbers is an input whose metrics are numbered from 0, however many agents have been started on it.
type numbers struct {
	host string // that the agent calls itself
	each int    // metrics of a Gather
	pad  int    // bytes of text in each metric

	mu     sync.Mutex
	next   int64
	paused bool
}

// definition makes the input known as inputs.numbers.
func (n *numbers) definition() sdk.Definition {
	type config struct{}
	return sdk.DefineInput("numbers", "Counts.", "", func(*config) (any, error) { return n, nil })
}

// Gather adds the next metrics.
func (n *numbers) Gather(_ context.Context, b *sdk.Batch) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paused {
		return sdk.ErrNoData
	}
	for range n.each {
		i := n.next
		n.next++
		m := b.Add(b.Series("n", sdk.Tag{Key: "k", Value: fmt.Sprint(i % 8)}), i+1)
		if n.pad > 0 {
			m.Text("pad", n.text(i))
		}
		m.Int("x", i)
	}
	return nil
}

// count returns how many metrics there have been.
func (n *numbers) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return int(n.next)
}

// pause ends the count.
func (n *numbers) pause() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.paused = true
}

// text is what no compression makes much smaller.
func (n *numbers) text(i int64) string {
	var b strings.Builder
	for x := uint64(i) + 1; b.Len() < n.pad; {
		x = x*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&b, "%016x", x)
	}
	return b.String()[:n.pad]
}

// line is metric i as the sink holds it.
func (n *numbers) line(i int64) string {
	pad := ""
	if n.pad > 0 {
		pad = fmt.Sprintf("pad=%q,", n.text(i))
	}
	return fmt.Sprintf("n,host=%s,k=%d %sx=%di %d", n.host, i%8, pad, i, i+1)
}

// check compares the lines that a sink holds with the metrics that there have been: each of them is there, with
// the value that it had, and no other.
func (n *numbers) check(held map[string]int) error {
	count, missing, first := n.count(), 0, ""
	for i := range count {
		if line := n.line(int64(i)); held[line] == 0 {
			if missing++; missing == 1 {
				first = line
			}
		}
	}
	others := missing - count
	for line := range held {
		if strings.HasPrefix(line, "n,host="+n.host+",") {
			others++
		}
	}
	if missing > 0 || others > 0 {
		return fmt.Errorf("the sink lacks %d of %d metrics of %s, the first is %.100q, and holds %d others",
			missing, count, n.host, first, others)
	}
	return nil
}
