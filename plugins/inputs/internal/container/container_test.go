package container

import (
	"strings"
	"testing"
)

func TestIn(t *testing.T) {
	const id, pod = "4f5c0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab", "0a1b2c3d-1111-2222-3333-444455556666"
	f := func(cgroup, container, wantPod string) {
		t.Helper()
		if c, p := in(cgroup); c != container || p != wantPod {
			t.Errorf("%q: %q in %q", cgroup, c, p)
		}
	}
	f("0::/\n", "", "")
	f("0::/user.slice/user-1000.slice/session-2.scope\n", "", "")
	f("12:memory:/docker/"+id+"\n11:cpu:/docker/"+id+"\n", id[:12], "")
	f("0::/system.slice/docker-"+id+".scope\n", id[:12], "")
	f("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"+strings.ReplaceAll(pod, "-", "_")+".slice/cri-containerd-"+id+".scope\n", id[:12], pod)
	f("0::/kubepods/besteffort/pod"+pod+"/"+id+"\n", id[:12], pod)
	f("0::/kubepods.slice/kubepods-pod"+strings.ReplaceAll(pod, "-", "_")+".slice/crio-"+id+".scope\n", id[:12], pod)
	// As seen from within a cgroup namespace.
	f("0::/../../kubepods-burstable-pod"+strings.ReplaceAll(pod, "-", "_")+".slice/cri-containerd-"+id+".scope\n", id[:12], pod)
	f("0::/../../pod"+pod+"/"+id+"\n", id[:12], pod)
	// A node that is a container itself.
	const node = "701c443334f086aa29e06aba3e42dc979a9605f794b0b19af1f8304bbe5abe7a"
	f("0::/system.slice/docker-"+node+".scope/kubelet/kubepods/besteffort/pod"+pod+"/"+id+"\n", id[:12], pod)
	f("0::/machine.slice/libpod-"+id+".scope/container\n", id[:12], "")
	f("0::/../"+id[:63]+"\n", "", "")
}
