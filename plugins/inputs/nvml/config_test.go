package nvml

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSelector(t *testing.T) {
	id := &identity{uuid: "GPU-0ab1", index: "3", name: "NVIDIA H100 80GB HBM3", bus: "00000000:3B:00.0"}
	f := func(want bool, devices ...string) {
		t.Helper()
		s, err := newSelector(devices)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.wants(id); got != want {
			t.Errorf("%q: %v", devices, got)
		}
	}
	f(true)
	f(true, "3")
	f(false, "2", "33")
	f(true, "2", "3")
	f(true, "GPU-0AB1")
	f(false, "GPU-0ab")
	f(true, "00000000:3b:00.0")
	f(true, "0000:3b:00.0")
	f(true, "3b:00.0")
	f(false, "0001:3b:00.0")
	f(true, "*h100*")
	f(false, "*A100*")
	f(true, "NVIDIA H100 80GB HBM?")
}

func TestValidate(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		err := c.Validate()
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	f(Config{GPMInterval: time.Second}, "")
	f(Config{}, "")
	f(Config{GPMInterval: 50 * time.Millisecond}, "100ms")
	f(Config{Devices: []string{"0", "[a"}}, "glob")
	f(Config{Devices: []string{""}}, "names no GPU")
	f(Config{NormalInterval: -1}, "negative")
}

func TestTiers(t *testing.T) {
	f := func(c Config, interval time.Duration, want tiers) {
		t.Helper()
		if diff := cmp.Diff(want, c.tiers(interval), cmp.AllowUnexported(tiers{})); diff != "" {
			t.Errorf("%+v at %v (-want +got):\n%s", c, interval, diff)
		}
	}
	const ms = time.Millisecond
	usual := Config{SlowInterval: 30 * time.Second, GPMInterval: time.Second}
	f(usual, 100*ms, tiers{fast: 100 * ms, normal: time.Second, slow: 30 * time.Second, gpm: time.Second})
	f(usual, 0, tiers{fast: time.Second, normal: time.Second, slow: 30 * time.Second, gpm: time.Second})
	f(usual, time.Minute, tiers{fast: time.Minute, normal: time.Minute, slow: time.Minute, gpm: time.Minute})
	f(Config{NormalInterval: 200 * ms, SlowInterval: time.Second, IdleInterval: 5 * time.Second}, 10*ms,
		tiers{fast: 10 * ms, normal: 200 * ms, slow: time.Second, idle: 5 * time.Second})
}

func TestContainerIn(t *testing.T) {
	const id, pod = "4f5c0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab", "0a1b2c3d-1111-2222-3333-444455556666"
	f := func(cgroup, container, wantPod string) {
		t.Helper()
		if c, p := containerIn(cgroup); c != container || p != wantPod {
			t.Errorf("%q: %q in %q", cgroup, c, p)
		}
	}
	f("0::/\n", "", "")
	f("0::/user.slice/user-1000.slice/session-2.scope\n", "", "")
	f("12:memory:/docker/"+id+"\n11:cpu:/docker/"+id+"\n", id[:12], "")
	f("0::/system.slice/docker-"+id+".scope\n", id[:12], "")
	f("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"+strings.ReplaceAll(pod, "-", "_")+".slice/cri-containerd-"+id+".scope\n", id[:12], pod)
	f("0::/kubepods/besteffort/pod"+pod+"/"+id+"\n", id[:12], pod)
	f("0::/machine.slice/libpod-"+id+".scope/container\n", id[:12], "")
	f("0::/../"+id[:63]+"\n", "", "")
}

func TestProgramOf(t *testing.T) {
	root := t.TempDir()
	write := func(pid, file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, pid, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1", "cmdline", "/usr/bin/trtllm-serve\x00--model\x00x")
	write("2", "cmdline", "")
	write("2", "comm", "kworker\n")
	write("3", "cmdline", "\xff\x00")
	f := func(pid, want string) {
		t.Helper()
		if got := programOf(root, pid); got != want {
			t.Errorf("process %s is %q, want %q", pid, got, want)
		}
	}
	f("1", "/usr/bin/trtllm-serve")
	f("2", "kworker")
	f("3", "�")
	f("4", "")
}

func TestCached(t *testing.T) {
	f := func(cache, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ld.so.cache")
		if err := os.WriteFile(path, []byte(cache), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := cached(path); got != want {
			t.Errorf("%q: %q, want %q", cache, got, want)
		}
	}
	f("glibc-ld.so.cache1.1\x00libm.so.6\x00/lib/libm.so.6\x00", "")
	f("\x00libnvidia-ml.so.1\x00/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1\x00libz.so\x00", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")
	f("", "")
}

func TestHealth(t *testing.T) {
	f := func(want int64, told bool, readings ...int64) {
		t.Helper()
		var c eccCounter
		var got int64
		for i, v := range readings {
			c.told = told && i == len(readings)-1
			got = c.grown(v)
		}
		if got != want {
			t.Errorf("%v: grown by %d, want %d", readings, got, want)
		}
	}
	f(0, false, 5)
	f(2, false, 5, 7)
	f(0, true, 5, 7)
	f(0, false, 5, 0)
	f(1, false, 5, 0, 1)
}
