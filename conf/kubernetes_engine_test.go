package conf_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gpuline/gpuline/plugins/all"
	"github.com/gpuline/gpuline/plugins/processors/kubernetes/kubelettest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// podCollector counts rows by what they are, whose, and of which GPU.
type podCollector struct {
	mu   sync.Mutex
	rows map[string]int
	gpus map[string]string // UUIDs by index
}

func (c *podCollector) Write(_ context.Context, b *sdk.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range b.All() {
		index := m.Tag(vocabulary.TagIndex)
		c.gpus[index] = m.Tag(vocabulary.TagUUID)
		c.rows[fmt.Sprintf("%s %s %s of %q", m.Name(), m.Class(), index, m.Tag(vocabulary.TagPodName))]++
	}
	return nil
}

// TestPodsInTheEngine runs an agent on a node where one GPU is a pod's, one is shared, and one is nobody's: before the
// windows, what they make bears the pod, too; and every metric is accounted for.
func TestPodsInTheEngine(t *testing.T) {
	type config struct{}
	collect := &podCollector{gpus: make(map[string]string)}
	registry := append(all.Plugins(), sdk.DefineOutput("collector", "Collects.", "", func(*config) (sdk.Output, error) { return collect, nil }))
	socket := kubelettest.Socket(t)
	run := func() {
		collect.rows = make(map[string]int)
		ledger := readTen(t, registry, fmt.Sprintf(`
[agent]
http = ""
interval = "20ms"
[[inputs.simulate]]
gpus = 3
[[processors.kubernetes]]
socket = %q
[[processors.average]]
period = "40ms"
lateness = "0s"
[[outputs.collector]]
samples = true
`, socket))
		if !strings.Contains(ledger.String(), " dropped=0 ") {
			t.Error(ledger.String())
		}
	}
	f := func(has bool, rows ...string) {
		t.Helper()
		for _, row := range rows {
			if (collect.rows[row] > 0) != has {
				t.Errorf("%s: %d rows of %v", row, collect.rows[row], collect.rows)
			}
		}
	}
	run() // without a kubelet
	f(true, `gpu sample 0 of ""`, `gpu result 0 of ""`, `gpu sample 1 of ""`)

	give := func(pod string, ids ...string) kubelettest.Given {
		return kubelettest.Given{Namespace: "team", Pod: pod, Container: "main", Resource: "nvidia.com/gpu", Devices: ids}
	}
	kubelettest.Serve(t, socket, give("a", collect.gpus["0"]), give("b", collect.gpus["1"]+"::0"), give("c", collect.gpus["1"]+"::1"))
	run()
	f(true, `gpu sample 0 of "a"`, `gpu result 0 of "a"`, `gpu sample 1 of ""`, `gpu result 1 of ""`, `gpu sample 2 of ""`,
		`gpu_info info 0 of ""`)
	f(false, `gpu sample 0 of ""`, `gpu result 0 of ""`, `gpu sample 1 of "b"`, `gpu sample 1 of "c"`)
}
