package kubernetes

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/processors/average"
	"github.com/gpuline/gpuline/plugins/processors/kubernetes/kubelettest"
	"github.com/gpuline/gpuline/plugins/processors/naming"
	"github.com/gpuline/gpuline/plugins/processors/peak"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// node is a processor, the kubelet that it asks, and a stream.
type node struct {
	t       testing.TB
	kubelet *kubelettest.Kubelet
	*Kubernetes
	chain []sdk.Processor
	b     *sdk.Batch
}

// start starts a processor on a node where these devices are given. The kubelet is asked again when the test says so.
func start(t testing.TB, all ...given) *node {
	t.Helper()
	socket := kubelettest.Socket(t)
	n := &node{t: t, kubelet: kubelettest.Serve(t, socket, all...)}
	p, err := New(&Config{Socket: socket, Refresh: time.Hour, Resources: someResources, Info: true})
	if err != nil {
		t.Fatal(err)
	}
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Host = "h"
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	n.Kubernetes, n.chain, n.b = p, []sdk.Processor{p}, sdk.NewBatch(env.Catalog)
	return n
}

// give has the kubelet tell of other devices from now on.
func (n *node) give(all ...given) {
	n.kubelet.Give(all...)
	n.watch.round(n.t.Context())
}

// run passes lines through and checks that every row is accounted for.
func (n *node) run(lines ...string) []string {
	n.t.Helper()
	n.b.Reset()
	sdktest.Parse(n.t, n.b, strings.Join(lines, "\n"))
	n.b.Enter()
	for _, p := range n.chain {
		if err := p.Process(n.t.Context(), n.b); err != nil {
			n.t.Fatal(err)
		}
	}
	n.b.MergeResults()
	n.balance()
	return sdktest.Dump(n.b)
}

// flush returns what the processor adds by itself.
func (n *node) flush(second int64) []string {
	n.t.Helper()
	n.b.Reset()
	if err := n.Flush(n.t.Context(), time.Unix(second, 0), false, n.b); err != nil {
		n.t.Fatal(err)
	}
	n.balance()
	return sdktest.Dump(n.b)
}

func (n *node) balance() {
	n.t.Helper()
	if y := n.b.Tally(); y.Added != uint64(n.b.Len())+y.Dropped()+y.Merged {
		n.t.Errorf("the ledger does not balance: %d rows, %+v", n.b.Len(), *y)
	}
}

const (
	tagsA  = "gpu_index=0,gpu_uuid=" + uuidA + ",host=h"
	tagsB  = "gpu_index=1,gpu_uuid=" + uuidB + ",host=h"
	infoA  = "gpu_info," + tagsA + ",source=nvml minor_number=3i 1 class=info"
	rowA   = "gpu," + tagsA + ",source=nvml power_watts=300 2"
	rowB   = "gpu," + tagsB + ",source=nvml power_watts=200 2"
	migRow = "gpu," + tagsA + ",mig_ci=0,mig_gi=3,source=nvml memory_used_bytes=5i 2"
)

// holders says whose each row of out is: "team/a/main", "team/a/" or "".
func holders(t testing.TB, out []string) string {
	t.Helper()
	b := sdktest.Batch(t, sdk.NewCatalog(sdk.Limits{}), strings.Join(out, "\n"))
	var all []string
	for m := range b.All() {
		all = append(all, strings.TrimPrefix(m.Tag("namespace")+"/"+m.Tag("pod")+"/"+m.Tag("container"), "//"))
	}
	return strings.Join(all, " ")
}

func TestWhoseItIs(t *testing.T) {
	f := func(what string, all []given, rows []string, want string) {
		t.Helper()
		if got := holders(t, start(t, all...).run(rows...)); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	pods := func(all ...given) []given { return all }
	rows := func(all ...string) []string { return all }
	in := func(resource string, g given) given { g.Resource = resource; return g }
	claimed := func(pod string, names ...string) given {
		return given{Namespace: "team", Pod: pod, Container: "main", Resource: "gpu.nvidia.com", Claimed: names}
	}
	inContainer := func(name string, g given) given { g.Container = name; return g }

	f("nobody's", nil, rows(rowA), "")
	f("a pod's", pods(gpuOf("a", uuidA)), rows(rowA, rowB), "team/a/main ")
	f("two pods', one GPU each", pods(gpuOf("b", uuidB), gpuOf("a", uuidA)), rows(rowA, rowB), "team/a/main team/b/main")
	f("two GPUs of a pod", pods(gpuOf("a", uuidA, uuidB)), rows(rowA, rowB), "team/a/main team/a/main")
	f("another resource", pods(in("amd.com/gpu", gpuOf("a", uuidA))), rows(rowA), "")
	f("what says nothing", pods(gpuOf("a", "what is this", "0")), rows(rowA), "")

	// Shared by time slicing or MPS.
	f("shares of one pod", pods(in("nvidia.com/gpu.shared", gpuOf("a", uuidA+"::0", uuidA+"::3"))), rows(rowA), "team/a/main")
	f("two pods", pods(gpuOf("a", uuidA+"::0"), gpuOf("b", uuidA+"::1")), rows(rowA, rowB), " ")
	f("two containers of a pod", pods(gpuOf("a", uuidA+"::0"), inContainer("side", gpuOf("a", uuidA+"::1"))), rows(rowA), "team/a/")
	f("two containers and another pod", pods(gpuOf("a", uuidA+"::0"), inContainer("side", gpuOf("a", uuidA+"::1")), gpuOf("b", uuidA+"::2")), rows(rowA), "")

	// MIG: who has an instance has not the GPU.
	mig := in("nvidia.com/mig-3g.40gb", gpuOf("a", migA))
	told := strings.Replace(migRow, "memory_used_bytes=5i 2", `mig_uuid="`+migA+`" 1 class=info`, 1)
	told = strings.Replace(told, "gpu,", "gpu_info,", 1)
	f("an instance, before its UUID is told", pods(mig), rows(migRow, rowA), " ")
	f("an instance", pods(mig), rows(told, migRow, rowA), " team/a/main ")
	f("an instance, told behind it", pods(mig), rows(migRow, told), "team/a/main ")
	f("an instance by its place", pods(gpuOf("a", "MIG-"+uuidA+"/3/0")), rows(migRow, rowA), "team/a/main ")
	f("another instance", pods(gpuOf("a", "MIG-"+uuidA+"/4/0")), rows(migRow), "")
	f("shares of an instance", pods(gpuOf("a", migA+"::0"), gpuOf("b", migA+"::1")), rows(told, migRow), " ")
	f("the GPU with its instances", pods(gpuOf("a", uuidA)), rows(migRow, rowA), "team/a/main team/a/main")

	// By the number of the device file: that of this host, once it is told.
	f("GKE", pods(gpuOf("a", "nvidia3")), rows(infoA, rowA, rowB), " team/a/main ")
	f("GKE, before the number is told", pods(gpuOf("a", "nvidia3")), rows(rowA), "")
	f("GKE, which does not count as the driver does", pods(gpuOf("a", "nvidia0")), rows(infoA, rowA), " ")
	f("an instance on GKE", pods(gpuOf("a", "nvidia3/gi3")), rows(infoA, migRow, rowA), " team/a/main ")
	f("shares on GKE", pods(gpuOf("a", "nvidia3/vgpu0"), gpuOf("b", "nvidia3/vgpu1")), rows(infoA, rowA), " ")
	f("a claim", pods(claimed("a", "gpu-3")), rows(infoA, rowA), " team/a/main")
	f("a claim that two pods share", pods(claimed("a", "gpu-3"), claimed("b", "gpu-3")), rows(infoA, rowA), " ")
	f("a claim of an instance", pods(claimed("a", "gpu-3-mig-9-0-4")), rows(infoA, migRow), " ")
	elsewhere := strings.NewReplacer("host=h", "host=other")
	f("the number on another host", pods(gpuOf("a", "nvidia3")), rows(elsewhere.Replace(infoA), elsewhere.Replace(rowA)), " ")
	f("the UUID on another host", pods(gpuOf("a", uuidA)), rows(elsewhere.Replace(rowA)), "team/a/main")

	// What else is of a GPU, and what is not.
	f("events", pods(gpuOf("a", uuidA)), rows("gpu_event,"+tagsA+`,code=79,event=xid,severity=critical message="off" 2 class=event`), "team/a/main")
	f("what a GPU is, its processes, rules", pods(gpuOf("a", uuidA)), rows(infoA, "gpu_process,"+tagsA+",pid=7 memory_used_bytes=5i 2",
		"gpu_threshold,"+tagsA+",rule=hot active=1i 2 class=info"), "  ")
	f("other metrics", pods(gpuOf("a", uuidA)), rows("inference,model=m latency_seconds=1 2", "soc,component=fan x=1 2"), " ")

	// What a row says itself wins.
	own := func(tags string) string { return strings.Replace(rowA, "gpu,", "gpu,"+tags+",", 1) }
	f("its own pod", pods(gpuOf("a", uuidA)), rows(own("pod=mine")), "/mine/")
	f("its own namespace", pods(gpuOf("a", uuidA)), rows(own("namespace=mine")), "mine/a/main")
}

// TestRowsStayWhole checks that nothing of a row changes but its tags.
func TestRowsStayWhole(t *testing.T) {
	n := start(t, gpuOf("a", uuidA))
	const pod = "container=main," + tagsA + ",namespace=team,pod=a"
	got := n.run(
		rowA+" absorbed notes=alert=hot",
		"gpu,"+tagsA+",source=nvml,window=10s power_watts_max=310 10000000000 origin=gpu,"+tagsA+",source=nvml",
		"gpu,"+tagsA+",source=nvml,window=20s power_watts_max=310 10000000000 origin=gpu,pod=mine,"+tagsA+",source=nvml",
	)
	want := []string{
		"gpu," + pod + ",source=nvml power_watts=300 2 absorbed notes=alert=hot",
		"gpu," + pod + ",source=nvml,window=10s power_watts_max=310 10000000000 class=result origin=gpu," + pod + ",source=nvml",
		"gpu," + pod + ",source=nvml,window=20s power_watts_max=310 10000000000 class=result origin=gpu," + tagsA + ",pod=mine,source=nvml",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestPodsComeAndGo(t *testing.T) {
	n := start(t)
	f := func(want string, all ...given) {
		t.Helper()
		n.give(all...)
		if got := holders(t, n.run(rowA)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("")
	f("team/a/main", gpuOf("a", uuidA))
	f("team/a/main", gpuOf("a", uuidA), gpuOf("b", uuidB))
	f("", gpuOf("a", uuidA+"::0"), gpuOf("b", uuidA+"::1"))
	f("team/b/main", gpuOf("b", uuidA+"::1"))
	f("")
}

func TestGPUPod(t *testing.T) {
	n := start(t, gpuOf("a", uuidA+"::0", uuidA+"::4"), gpuOf("b", uuidA+"::1"), gpuOf("c", "GPU-unseen", "nvidia9", "junk"))
	f := func(what string, got []string, want ...string) {
		t.Helper()
		if d := cmp.Diff(append([]string{}, want...), got); d != "" {
			t.Errorf("%s: -want +got\n%s", what, d)
		}
	}
	line := func(pod, tags, resource, devices string) string {
		return "gpu_pod,container=main," + tags + ",namespace=team,pod=" + pod + ` resource="` + resource + `",devices=` + devices + "i 5000000000 class=info"
	}
	f("before a GPU is known", n.flush(5))
	n.run(rowA, strings.Replace(rowA, "source=nvml", "source=nvidia_smi", 1))
	f("once it is", n.flush(5), line("a", tagsA, "nvidia.com/gpu", "2"), line("b", tagsA, "nvidia.com/gpu", "1"))
	f("until the kubelet is asked again", n.flush(5))
	n.give(gpuOf("b", uuidA+"::1"), gpuOf("c", uuidB))
	f("a pod has ended", n.flush(5), line("b", tagsA, "nvidia.com/gpu", "1"))
	n.give(gpuOf("b", uuidA+"::1"), gpuOf("c", uuidB))
	f("nothing is new", n.flush(5), line("b", tagsA, "nvidia.com/gpu", "1"))
	n.run(rowB)
	f("another GPU has come", n.flush(5), line("b", tagsA, "nvidia.com/gpu", "1"), line("c", tagsB, "nvidia.com/gpu", "1"))

	n.give(given{Namespace: "team", Pod: "m", Container: "main", Resource: "nvidia.com/mig-3g.40gb", Devices: []string{"MIG-" + uuidA + "/3/0"}})
	n.run(migRow)
	at := strings.Replace(tagsA, "host=h", "host=h,mig_ci=0,mig_gi=3", 1)
	f("an instance", n.flush(5), line("m", at, "nvidia.com/mig-3g.40gb", "1"))

	// A kubelet that is away: what it has said stands, and is told.
	n.kubelet.Stop()
	n.watch.round(t.Context())
	f("away", n.flush(5), line("m", at, "nvidia.com/mig-3g.40gb", "1"))
	f("final", func() []string {
		n.watch.round(t.Context())
		n.b.Reset()
		if err := n.Flush(t.Context(), time.Unix(5, 0), true, n.b); err != nil {
			t.Error(err)
		}
		return sdktest.Dump(n.b)
	}())

	n = start(t, gpuOf("a", uuidA))
	n.config.Info = false
	n.run(rowA)
	f("not wanted", n.flush(5))
}

func TestStrangersAreLoggedOnce(t *testing.T) {
	n, log := start(t, gpuOf("c", "GPU-unseen", "junk", "junk")), new(sdktest.Buffer)
	n.watch.log = log.Log()
	n.run(rowA)
	n.flush(5) // GPUs may still come
	const message = `msg="pods have devices by whose ids no GPU here is known" ids="[GPU-unseen junk]"`
	f := func(times int) {
		t.Helper()
		n.flush(5)
		if got := strings.Count(log.String(), message); got != times || strings.Count(log.String(), "\n") != times {
			t.Errorf("logged %d times, want %d: %s", got, times, log)
		}
	}
	f(0)
	n.watch.round(t.Context())
	f(1)
	n.watch.round(t.Context())
	f(1)
	n.give(gpuOf("a", uuidA))
	f(1)
	n.give(gpuOf("c", "junk", "GPU-unseen"))
	f(2)
}

// TestAKubeletThatComesLate begins without a socket.
func TestAKubeletThatComesLate(t *testing.T) {
	n := start(t, gpuOf("a", uuidA))
	n.kubelet.Stop()
	p, err := New(&n.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Open(t.Context(), sdktest.Env(t, n.b.Catalog())); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	n.Kubernetes, n.chain = p, []sdk.Processor{p}
	if got := holders(t, n.run(rowA)); got != "" {
		t.Error("without a kubelet:", got)
	}
	kubelettest.Serve(t, n.config.Socket, gpuOf("a", uuidA))
	p.watch.round(t.Context())
	if got := holders(t, n.run(rowA)); got != "team/a/main" {
		t.Error("with one:", got)
	}
	if p.watch.failures.Get() != 1 {
		t.Error(p.watch.failures.Get(), "failures")
	}
}

// TestWindowsAreCut gives a GPU to another pod in the middle of a window: each has a window of its own, neither of which
// was seen whole, and the second one's next is.
func TestWindowsAreCut(t *testing.T) {
	n := start(t, gpuOf("a", uuidA))
	a, errA := average.New(average.Definition().NewConfig().(*average.Config))
	c := peak.Definition().NewConfig().(*peak.Config)
	c.Evidence = false
	p, errP := peak.New(c)
	if errA != nil || errP != nil {
		t.Fatal(errA, errP)
	}
	n.chain = append(n.chain, a, p)
	var out []string
	for second := range int64(42) {
		if second == 15 {
			n.give(gpuOf("b", uuidA))
		}
		watts := map[bool]string{true: "100", false: "700"}[second < 15]
		if second == 12 || second == 17 {
			watts += "0"
		}
		out = append(out, n.run("gpu,"+tagsA+" power_watts="+watts+" "+time.Duration(second*1e9).String())...)
	}
	n.b.Reset()
	for _, f := range []sdk.Flusher{a, p} {
		if err := f.Flush(t.Context(), time.Unix(42, 0), true, n.b); err != nil {
			t.Fatal(err)
		}
	}
	n.b.MergeResults()
	out = append(out, sdktest.Dump(n.b)...)
	var got []string
	for _, line := range out {
		if strings.Contains(line, "class=result") {
			got = append(got, line[strings.Index(line, ",namespace=team,")+len(",namespace=team,"):strings.Index(line, " class=")])
		}
	}
	want := []string{
		"pod=a,window=10s power_watts_mean=100,power_watts_max=100,power_watts_max_time=0i 10000000000",
		"part=head,pod=b,window=10s power_watts_mean=1960,power_watts_max=7000,power_watts_max_time=17000000000i 20000000000",
		"pod=b,window=10s power_watts_mean=700,power_watts_max=700,power_watts_max_time=20000000000i 30000000000",
		"pod=b,window=10s power_watts_mean=700,power_watts_max=700,power_watts_max_time=30000000000i 40000000000",
		"part=tail,pod=a,window=10s power_watts_mean=325,power_watts_max=1000,power_watts_max_time=12000000000i 20000000000",
		"part=tail,pod=b,window=10s power_watts_mean=700,power_watts_max=700,power_watts_max_time=40000000000i 50000000000",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// TestDCGM has the labels that dcgm-exporter writes.
func TestDCGM(t *testing.T) {
	n := start(t, gpuOf("a", uuidA))
	words, err := naming.New(&naming.Config{Vocabulary: "dcgm", MaxGap: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	n.chain = append(n.chain, words)
	got := n.run(
		strings.Replace(infoA, "minor_number=3i", `driver_version="580.1"`, 1), rowA, rowB,
		"gpu_event,"+tagsA+`,code=79,event=xid,severity=critical,source=nvml message="off" 3 class=event`)
	const labels = "DCGM_FI_DRIVER_VERSION=580.1,Hostname=h,UUID=" + uuidA + ",container=main,device=nvidia0,gpu=0,namespace=team,pod=a"
	for _, want := range []string{
		"DCGM_FI_DEV_POWER_USAGE," + labels + " value=300 2",
		"DCGM_FI_DEV_XID_ERRORS," + labels + " value=79 3",
		"DCGM_FI_DEV_POWER_USAGE,Hostname=h,UUID=" + uuidB + ",device=nvidia1,gpu=1 value=200 2",
	} {
		if !strings.Contains(strings.Join(got, "\n")+"\n", want+"\n") {
			t.Errorf("%s is missing in\n%s", want, strings.Join(got, "\n"))
		}
	}
}
