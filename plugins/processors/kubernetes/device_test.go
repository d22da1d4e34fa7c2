package kubernetes

import (
	"fmt"
	"strings"
	"testing"
)

func (d device) String() string {
	return fmt.Sprintf("%s minor %d gi %d ci %d", d.uuid, d.minor, d.gi, d.ci)
}

const (
	uuidA = "GPU-8f6e9a10-0000-0000-0000-00000000000a"
	uuidB = "GPU-8f6e9a10-0000-0000-0000-00000000000b"
	migA  = "MIG-41b35d5d-0000-5000-8000-000000000001"
)

func TestParseDevice(t *testing.T) {
	f := func(id, want string) {
		t.Helper()
		got := "unknown"
		if d, known := parseDevice(id); known {
			got = d.String()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", id, got, want)
		}
	}
	f(uuidA, uuidA+" minor -1 gi -1 ci -1")
	f(uuidA+"::0", uuidA+" minor -1 gi -1 ci -1")
	f(uuidA+"::12", uuidA+" minor -1 gi -1 ci -1")
	f(migA, migA+" minor -1 gi -1 ci -1")
	f(migA+"::3", migA+" minor -1 gi -1 ci -1")
	f("MIG-"+uuidA+"/3/0", uuidA+" minor -1 gi 3 ci 0")
	f("MIG-"+uuidA+"/3/0::1", uuidA+" minor -1 gi 3 ci 0")
	f("nvidia0", " minor 0 gi -1 ci -1")
	f("nvidia12", " minor 12 gi -1 ci -1")
	f("nvidia0/gi7", " minor 0 gi 7 ci -1")
	f("nvidia0/vgpu1", " minor 0 gi -1 ci -1")
	f("nvidia3/gi0/vgpu2", " minor 3 gi 0 ci -1")
	f("GPU-simulated-0", "GPU-simulated-0 minor -1 gi -1 ci -1")

	for _, junk := range []string{
		"", "::", "::0", "GPU-", "GPU-::1", "MIG-", "GPU", "gpu-0", "0", "17", "nvidia", "nvidia-1", "nvidiactl", "nvidia0/", "nvidia0/gi",
		"nvidia0/gix", "nvidia/gi1", "nvidia0/vgpu", "nvidia99999", "nvidia00000000000000000001x", "MIG-GPU-", "MIG-" + uuidA, "MIG-" + uuidA + "/1",
		"MIG-" + uuidA + "/1/", "MIG-" + uuidA + "/1/2/3", uuidA + "::", uuidA + "::x", uuidA + "::-1", uuidA + " ", uuidA + "\n", "GPU-" + strings.Repeat("a", 65),
		"GPU-é", "0000:3b:00.0", "/dev/nvidia0",
	} {
		f(junk, "unknown")
	}
}

func TestParseClaimed(t *testing.T) {
	f := func(name string, want int) {
		t.Helper()
		if d, known := parseClaimed(name); d.minor != want || known != (want != none) || d.uuid != "" || d.gi != none || d.ci != none {
			t.Errorf("%q: %v, %v", name, d, known)
		}
	}
	f("gpu-0", 0)
	f("gpu-15", 15)
	f("gpu-0-mig-19-4-1", none)
	f("gpu-0-mig-1g5gb-19-4", none)
	f("gpu-vfio-0", none)
	f("gpu-", none)
	f("channel-0", none)
	f("", none)
}

func TestGives(t *testing.T) {
	g := &gpu{uuid: uuidA, local: true, minor: 4, instances: []instance{{gi: 3, ci: none}, {gi: 3, ci: 0, uuid: migA}, {gi: 3, ci: 1}}}
	whole, gi, ci0, ci1, other := part{g, none, none}, part{g, 3, none}, part{g, 3, 0}, part{g, 3, 1}, part{g, 5, 0}
	all := []part{whole, gi, ci0, ci1, other}
	f := func(id string, want ...part) {
		t.Helper()
		d, known := parseDevice(id)
		if !known {
			t.Fatal(id)
		}
		for _, p := range all {
			expected := false
			for _, w := range want {
				expected = expected || w == p
			}
			if d.gives(p) != expected {
				t.Errorf("%s gives %d/%d: %v", id, p.gi, p.ci, !expected)
			}
		}
	}
	f(uuidA, all...)
	f(uuidA+"::1", all...)
	f(uuidB)
	f("nvidia4", all...)
	f("nvidia0")
	f("nvidia4/gi3", gi, ci0, ci1)
	f("MIG-"+uuidA+"/3/0", gi, ci0)
	f("MIG-" + uuidB + "/3/0")
	f(migA, gi, ci0)
	f("MIG-other")

	g.minor = none // not told yet
	f("nvidia0")
	g.minor, g.local = 4, false // of another host
	f("nvidia4")
	f(uuidA, all...)
}

func FuzzParseDevice(f *testing.F) {
	for _, id := range []string{uuidA, uuidA + "::3", migA, "MIG-" + uuidA + "/3/0", "nvidia0", "nvidia0/gi3/vgpu1", "nvidia0/vgpu0", "17", "::0", "gpu-0"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		d, known := parseDevice(id)
		if !known {
			return
		}
		if (d.uuid == "") == (d.minor == none) {
			t.Errorf("%q names both or neither: %v", id, d)
		}
		if d.ci != none && d.gi == none {
			t.Errorf("%q: a compute instance of no GPU instance: %v", id, d)
		}
		if d.uuid != "" && !strings.Contains(id, d.uuid) {
			t.Errorf("%q: %v", id, d)
		}
		for _, share := range []string{"::7", "/vgpu7"} { // a share names what it is of
			if of, ok := parseDevice(id + share); ok && of != d && !strings.Contains(id, "::") && !strings.Contains(id, "/vgpu") {
				t.Errorf("%q is %v, its share %v", id, d, of)
			}
		}
	})
}
