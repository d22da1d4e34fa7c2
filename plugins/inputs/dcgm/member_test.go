package dcgm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child/childtest"
)

func TestInstances(t *testing.T) {
	f := func(table, want, wantOption string) {
		t.Helper()
		all := members{{wholeGPU, 0}: {uuid: "GPU-0", index: "0"}, {wholeGPU, 1}: {uuid: "GPU-1", index: "1"}}
		all.addInstances([]byte(table))
		var got []string
		for m, id := range all {
			if m.kind != wholeGPU {
				got = append(got, fmt.Sprintf("%s %d: %s", memberKinds[m.kind].word, m.number, id.key()))
			}
		}
		slices.Sort(got)
		if s := strings.Join(got, "; "); s != want || all.option() != wantOption {
			t.Errorf("%q: %q, %q; want %q, %q", table, s, all.option(), want, wantOption)
		}
	}
	const gpu = "| GPU 1             | GPU GPU-1 (EntityID: 1)         |\n"
	const one = "| -> I 1/1          | GPU Instance (EntityID: 9)      |\n"
	const inOne = "|    -> CI 1/1/0    | Compute Instance (EntityID: 7)  |\n"
	const more = "|    -> CI 1/1/3    | Compute Instance (EntityID: 8)  |\n"
	f("", "", "")
	f(gpu, "", "")
	f(gpu+one+inOne, "GPU-I 9: GPU-1/1/0", "0,1,i:9")
	f(gpu+one, "GPU-I 9: GPU-1/1/", "0,1,i:9")
	f(gpu+one+inOne+more, "GPU-CI 7: GPU-1/1/0; GPU-CI 8: GPU-1/1/3; GPU-I 9: GPU-1/1/", "0,1,i:9,ci:7,ci:8")
	f(gpu+one+inOne+"| -> I 1/13 | GPU Instance (EntityID: 10) |\n", "GPU-I 10: GPU-1/13/; GPU-I 9: GPU-1/1/0", "0,1,i:9,i:10")
	f("| GPU 7 | GPU GPU-7 (EntityID: 7) |\n"+one+inOne, "", "") // of a GPU that is not listed
	f(one+inOne, "", "")
	f(gpu+"| -> I 1/1 | GPU Instance (EntityID: x) |\n| -> I 1/1 | GPU Instance |\n| -> I | GPU Instance (EntityID: 1) |\n| a | b (EntityID: 1\n", "", "")
}

// TestDmonMIG: instances have rows of their own, as in the mode hostengine.
func TestDmonMIG(t *testing.T) {
	w := watch(t, hasty(t, "mig", nil), 100*ms)
	w.until(w.have(3, "gpu,", "mig_ci=1", "sm_active_ratio"))
	for _, tags := range []string{"mig_ci=0,mig_gi=1", "mig_gi=5", "mig_ci=0,mig_gi=5", "mig_ci=1,mig_gi=5"} {
		rows := of(w.rows, `gpu,gpu_index=1,gpu_name=NVIDIA\ H100\ 80GB\ HBM3,gpu_uuid=GPU-0100-1,`+tags+`,pci_bus_id=00000000\:1B\:00.0,source=dcgm `, "sm_active_ratio=0.25")
		if len(rows) < 2 {
			t.Errorf("%s: %q", tags, rows)
			continue
		}
		lacks(t, rows[0], "up=")
	}
	if len(of(w.rows, "gpu,", "gpu_index=1,", "up=1i")) < 2 || len(of(w.rows, "gpu,", "gpu_index=2,", "up=1i")) < 2 {
		t.Errorf("no rows of the GPUs in\n%s", strings.Join(w.rows, "\n"))
	}
	if lines := asked(); len(lines) != 1 || !strings.HasSuffix(lines[0], " -d 100 -i 0,1,2,i:8,i:9,ci:10,ci:111") {
		t.Errorf("%q", lines)
	}
	one(t, w.rows, "gpu_event", "event=xid") // GPU 0 alone
	if len(w.errs) > 0 || len(of(w.rows, "event=lost")) > 0 {
		t.Errorf("%q\n%s", w.errs, strings.Join(of(w.rows, "gpu_event"), "\n"))
	}
}

// TestDmonInstanceGone: one that is taken down is not lost, and dmon is started anew without it.
func TestDmonInstanceGone(t *testing.T) {
	w := watch(t, hasty(t, "migcut", nil), 20*ms)
	w.until(func() bool { return len(asked()) >= 2 })
	n := len(w.rows)
	w.until(func() bool { return len(of(w.rows[n:], "gpu,", "mig_ci=0,mig_gi=1")) > 4 })
	if lines := asked(); !strings.HasSuffix(lines[1], " -i 0,1,2,i:9") {
		t.Errorf("%q", lines)
	}
	if len(w.errs) > 0 || len(of(w.rows, "event=lost"))+len(of(w.rows, "up=0i")) > 0 {
		t.Errorf("%q\n%s", w.errs, strings.Join(of(w.rows, "gpu_event"), "\n"))
	}
}

// TestDmonInstancesLater: MIG is turned on while dmon runs, on a host that had none.
func TestDmonInstancesLater(t *testing.T) {
	w := watch(t, hasty(t, "latemig", nil), 20*ms)
	w.until(w.have(3, "gpu,", "mig_ci=1"))
	if lines := asked(); strings.Contains(lines[0], " -i ") || !strings.HasSuffix(lines[1], " -i 0,1,2,i:8,i:9,ci:10,ci:111") {
		t.Errorf("%q", lines)
	}
	if len(w.errs) > 0 || len(of(w.rows, "event=lost"))+len(of(w.rows, "up=0i")) > 0 {
		t.Errorf("%q\n%s", w.errs, strings.Join(of(w.rows, "gpu_event"), "\n"))
	}
}

// TestDmonInstancesUnknown: when it cannot be told which instances there are, nothing is started anew.
func TestDmonInstancesUnknown(t *testing.T) {
	w := watch(t, hasty(t, "migmute", nil), 20*ms)
	w.until(func() bool { return len(childtest.Notes("mute")) >= 3 })
	n := len(w.rows)
	w.until(func() bool { return len(of(w.rows[n:], "gpu,", "mig_gi=5")) > 4 })
	if lines := asked(); len(lines) != 1 || len(w.errs) > 0 {
		t.Errorf("%q, errors %q", lines, w.errs)
	}
}

// TestDmonWithoutInstances: a dcgmi that does not take them still reads the GPUs.
func TestDmonWithoutInstances(t *testing.T) {
	w := watch(t, hasty(t, "mignone", nil), 100*ms)
	w.until(w.have(2, "gpu,", "gpu_index=2", "sm_active_ratio"))
	if len(of(w.rows, "mig_gi")) > 0 || len(w.errs) > 0 {
		t.Errorf("%q\n%s", w.errs, strings.Join(w.rows, "\n"))
	}
	lines := asked()
	if last := lines[len(lines)-1]; strings.Contains(last, " -i ") || !strings.Contains(lines[0], " -i ") {
		t.Errorf("%q", lines)
	}
}
