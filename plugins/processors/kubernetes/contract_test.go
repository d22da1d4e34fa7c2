package kubernetes

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/processors/kubernetes/kubelettest"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// TestContract runs the suite with a kubelet that answers, and with none.
func TestContract(t *testing.T) {
	stream := "gpu_info," + tagsA + ",mig_ci=0,mig_gi=3 mig_uuid=\"" + migA + "\" 1s class=info\n" + `
		gpu_info,` + tagsA + ` minor_number=3i 1s class=info
		gpu,` + tagsA + `,source=nvml power_watts=300,pstate=0i 1s
		gpu,` + tagsB + `,source=nvml power_watts=200 1s
		gpu,` + tagsA + `,mig_ci=0,mig_gi=3,source=nvml memory_used_bytes=5i 1s
		gpu,` + tagsA + `,pod=mine power_watts=1 2s
		gpu,` + tagsA + `,source=nvml power_watts=301 2s absorbed notes=alert=hot
		gpu,` + tagsA + `,source=nvml,window=10s power_watts_max=310 10s origin=gpu,` + tagsA + `,source=nvml
		gpu_event,` + tagsA + `,code=79,event=xid,severity=critical message="off" 11s class=event
		gpu_process,` + tagsA + `,pid=7 memory_used_bytes=5i 11s
		inference,model=m latency_seconds=0.5 12s
		gpu,` + tagsB + `,source=nvml power_watts=201 12s`
	socket := kubelettest.Socket(t)
	kubelettest.Serve(t, socket, gpuOf("a", "nvidia3"), gpuOf("m", migA), gpuOf("b", uuidB+"::1"), gpuOf("c", uuidB+"::2"))
	for name, at := range map[string]string{"kubelet": socket, "no kubelet": socket + ".gone"} {
		t.Run(name, func(t *testing.T) {
			sdktest.TestProcessor(t, func(t testing.TB) sdk.Processor {
				p, err := New(&Config{Socket: at, Refresh: time.Hour, Resources: someResources, Info: true})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}, stream, sdktest.ReadsResults)
		})
	}
}

func TestConfig(t *testing.T) {
	c := Definition().NewConfig().(*Config)
	if _, err := New(c); err != nil || c.Socket != DefaultSocket || c.Refresh != 10*time.Second || len(c.Resources) != 2 || !c.Info {
		t.Errorf("%+v: %v", c, err)
	}
	c.Socket = "kubelet.sock"
	if _, err := New(c); err == nil {
		t.Error("a relative path is taken")
	}
}

func TestForesee(t *testing.T) {
	c := Definition().NewConfig().(*Config)
	f := func(in sdk.Outlook, idle int, pod bool) {
		t.Helper()
		out, faults := c.Foresee(in)
		if fields, known := out.Of("gpu_pod"); len(faults) != idle || len(fields) > 0 != pod {
			t.Errorf("%v; gpu_pod %v, %v", faults, fields, known)
		}
	}
	power := []sdk.Field{{Name: "power_watts"}}
	f(sdk.Outlook{}, 0, false) // nothing is known
	f(sdk.Outlook{Whole: true, Fields: map[string][]sdk.Field{"gpu": power}}, 0, true)
	f(sdk.Outlook{Whole: true, Fields: map[string][]sdk.Field{"inference": power}}, 1, true)
	c.Info = false
	f(sdk.Outlook{Whole: true, Fields: map[string][]sdk.Field{"gpu": power}}, 0, false)
}

// TestAFullCatalog leaves rows as they are: a reading without a pod is better than none.
func TestAFullCatalog(t *testing.T) {
	n := start(t, gpuOf("a", uuidA))
	n.b = sdk.NewBatch(sdk.NewCatalog(sdk.Limits{Series: 1}))
	for range 3 {
		if got := n.run(rowA); len(got) != 1 || holders(t, got) != "" {
			t.Error(got)
		}
	}
	if got := n.flush(5); len(got) > 0 {
		t.Error(got)
	}
}

// TestGPUsThatLeave forgets GPUs whose series have left the catalog.
func TestGPUsThatLeave(t *testing.T) {
	n := start(t, gpuOf("a", uuidA, uuidB))
	catalog, now := sdk.NewCatalog(sdk.Limits{Idle: time.Minute}), time.Unix(0, 0)
	n.b = sdk.NewBatch(catalog)
	catalog.Sweep(now)
	n.run(rowA, rowB)
	if len(n.gpus) != 2 || len(n.flush(5)) != 2 {
		t.Fatalf("%d GPUs", len(n.gpus))
	}
	for range 3 {
		now = now.Add(50 * time.Second)
		catalog.Sweep(now)
		if got := holders(t, n.run(rowA)); got != "team/a/main" {
			t.Error(got)
		}
	}
	if len(n.gpus) != 1 || n.table.Len() != 1 || len(n.flush(5)) != 1 {
		t.Errorf("%d GPUs, %d series", len(n.gpus), n.table.Len())
	}
	if got := holders(t, n.run(rowA, rowB)); got != "team/a/main team/a/main" {
		t.Error("when it is back:", got)
	}
}

// crowd returns a node with 110 pods, which share 8 GPUs but for the first, and what fills a batch with samples and
// results of them.
func crowd(tb testing.TB) (*node, func()) {
	var all []given
	for gpu := range 8 {
		for pod := range 110 {
			if gpu > 0 || pod == 0 {
				all = append(all, gpuOf(fmt.Sprint("pod-", pod), fmt.Sprintf("GPU-%d::%d", gpu, pod)))
			}
		}
	}
	n := start(tb, all...)
	fields := []sdk.Field{{Name: "utilization_ratio", Type: sdk.Float}, {Name: "power_watts", Type: sdk.Float}}
	var samples, results []*sdk.Series
	for gpu := range 8 {
		tags := []sdk.Tag{{Key: "gpu_uuid", Value: fmt.Sprint("GPU-", gpu)}, {Key: "gpu_index", Value: fmt.Sprint(gpu)}, {Key: "host", Value: "h"}}
		samples = append(samples, n.b.Series("gpu", tags...))
		results = append(results, n.b.Series("gpu", append(tags, sdk.Tag{Key: "window", Value: "10s"})...))
	}
	at := int64(1e18)
	return n, func() {
		n.b.Reset()
		at += 1e8
		for i := range samples {
			for _, s := range [2]*sdk.Series{samples[i], results[i]} {
				m := n.b.Add(s, at)
				for _, f := range fields {
					m.SetNumber(f, 0.5)
				}
				if s == results[i] {
					m.SetOrigin(samples[i])
				}
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	n, fill := crowd(t)
	step := func() {
		fill()
		if err := n.Process(t.Context(), n.b); err != nil {
			t.Error(err)
		}
		n.watch.rounds.Add(1) // as if the kubelet had said the same again
		if err := n.Flush(t.Context(), time.Unix(1e9, 0), false, n.b); err != nil {
			t.Error(err)
		}
	}
	for range 100 {
		step()
	}
	if n.b.Len() != 16+771 {
		t.Errorf("%d rows", n.b.Len())
	}
	if allocs := testing.AllocsPerRun(100, step); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// BenchmarkProcess has 8 GPUs that 110 pods share.
func BenchmarkProcess(bm *testing.B) {
	n, fill := crowd(bm)
	run := func(bm *testing.B, before func()) {
		bm.ReportAllocs()
		for bm.Loop() {
			bm.StopTimer()
			fill()
			before()
			bm.StartTimer()
			if err := n.Process(bm.Context(), n.b); err != nil {
				bm.Fatal(err)
			}
		}
		bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N*16), "ns/row")
	}
	bm.Run("steady", func(bm *testing.B) { run(bm, func() {}) })
	bm.Run("changed", func(bm *testing.B) { // the kubelet has said something else before each batch
		said := *n.watch.said.Load()
		run(bm, func() { n.watch.said.Store(&answer{said.all}) })
	})
}

// BenchmarkAsk is what a question costs, of which there is one each refresh: 110 pods that have 8 GPUs each.
func BenchmarkAsk(bm *testing.B) {
	var all []given
	for pod := range 110 {
		g := gpuOf(fmt.Sprint("pod-", pod))
		for gpu := range 8 {
			g.Devices = append(g.Devices, fmt.Sprintf("GPU-%d::%d", gpu, pod))
		}
		all = append(all, g)
	}
	socket := kubelettest.Socket(bm)
	kubelettest.Serve(bm, socket, all...)
	k := &kubelet{socket: socket, resources: someResources}
	bm.ReportAllocs()
	for bm.Loop() {
		if list, err := k.ask(context.Background()); err != nil || len(newAnswer(list).all) != 880 {
			bm.Fatal(len(list), err)
		}
	}
}
