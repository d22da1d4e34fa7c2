package prometheus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAPodMakesRoomForTheNext has a GPU go from pod to pod: what was said beside the one before leaves with it, and not
// only after the silence that others are given.
func TestAPodMakesRoomForTheNext(t *testing.T) {
	f := func(what, row, play string, at int, want ...string) {
		t.Helper()
		r := newRig(t, Config{})
		start := r.clock
		for second, pods := range strings.Split(play, " ") {
			r.clock = start.Add(time.Duration(second) * time.Second)
			var rows []string
			for _, pod := range pods {
				tags := fmt.Sprintf(",namespace=n,pod=%c", pod)
				if pod == '-' {
					tags = ""
				}
				rows = append(rows, strings.NewReplacer("#", tags, "@", fmt.Sprint(second+1, "s")).Replace(row))
			}
			r.mustWrite(strings.Join(rows, "\n"))
		}
		r.clock = start.Add(time.Duration(at) * time.Second)
		var got []string
		for line := range strings.Lines(r.page()) {
			if _, pod, bears := strings.Cut(line, `pod="`); bears {
				got = append(got, pod[:1])
			} else if line[0] != '#' {
				got = append(got, "-")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %s at %d s: %v, want %v", what, play, at, got, want)
		}
	}
	const gpu, dcgm, process = "gpu,gpu_uuid=u# power_watts=1 @", "DCGM_FI_DEV_GPU_TEMP,UUID=u# value=40 @", "gpu_process,gpu_uuid=u,pid=7# sm_ratio=1 @"
	f("two seconds after the change", gpu, "a a a b b", 4, "a", "b")
	f("four seconds after it", gpu, "a a a b b b b", 6, "b")
	f("in other words", dcgm, "a a a b b b b", 6, "b")
	f("a pod that goes", gpu, "a a a - - - -", 6, "-")
	f("a pod that comes", gpu, "- - - a a a a", 6, "a")
	f("one that comes back", gpu, "a a a b b b b a a a a", 10, "a")
	f("when nobody says anything", gpu, "a a a", 20, "a")
	f("several that share a GPU", gpu, "ab ab ab ab ab ab", 5, "a", "b")
	f("one of them ends", gpu, "ab ab ab a a a a", 6, "a")
	f("the other one ends", gpu, "ab ab ab b b b b", 6, "b")
	f("three, and one ends", gpu, "abc abc abc bc bc bc bc bc", 7, "b", "c")
	f("processes", process, "a a a b b b b", 6, "a", "b")
	f("one that was seen once", gpu, "a b b b b", 4, "a", "b") // nobody knows how often it comes
}

// TestAPodThatHasEndedLeaves though its GPU goes on.
func TestAPodThatHasEndedLeaves(t *testing.T) {
	r := newRig(t, Config{})
	const a, b = `gpu_pod,gpu_uuid=u,namespace=n,pod=a resource="nvidia.com/gpu",devices:info=1i`, `gpu_pod,gpu_uuid=u,namespace=n,pod=b resource="nvidia.com/gpu",devices:info=2i`
	for i := range 8 {
		at := fmt.Sprintf(" %ds class=info", 10*i+1)
		rows := b + at
		if i < 4 {
			rows = a + at + "\n" + rows
		}
		r.mustWrite(rows + fmt.Sprintf("\ngpu,gpu_uuid=u power_watts=300 %ds", 10*i+1))
		if i == 3 {
			r.want(`gpu_pod_devices{gpu_uuid="u",namespace="n",pod="a"} 1`, `gpu_pod_devices{gpu_uuid="u",namespace="n",pod="b"} 2`,
				`gpu_pod_info{gpu_uuid="u",namespace="n",pod="a",resource="nvidia.com/gpu"} 1`,
				`gpu_pod_info{gpu_uuid="u",namespace="n",pod="b",resource="nvidia.com/gpu"} 1`, `gpu_power_watts{gpu_uuid="u"} 300`)
		}
		r.clock = r.clock.Add(10 * time.Second)
	}
	r.want(`gpu_pod_devices{gpu_uuid="u",namespace="n",pod="b"} 2`, `gpu_pod_info{gpu_uuid="u",namespace="n",pod="b",resource="nvidia.com/gpu"} 1`,
		`gpu_power_watts{gpu_uuid="u"} 300`)
}
