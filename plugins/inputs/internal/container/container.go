// Package container tells which container, and which pod of Kubernetes, a process is in.
package container

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Proc is where the kernel shows processes.
const Proc = "/proc"

// Of returns the first twelve digits of the id of the container that a process is in, and the UID of its Kubernetes
// pod; "" where there is none, or where the process is not visible. Both stand in the names of its control groups, for
// example
//
//	0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b…_….slice/cri-containerd-4f5c….scope
//	12:memory:/docker/4f5c…
func Of(proc, pid string) (id, pod string) {
	text, err := os.ReadFile(filepath.Join(proc, pid, "cgroup"))
	if err != nil {
		return "", ""
	}
	return in(string(text))
}

var (
	containerID = regexp.MustCompile(`(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:[/\n:]|$)`)
	podUID      = regexp.MustCompile(`pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})`)
)

func in(cgroup string) (id, pod string) {
	if m := podUID.FindStringSubmatchIndex(cgroup); m != nil {
		pod = strings.ReplaceAll(cgroup[m[2]:m[3]], "_", "-")
		cgroup = cgroup[m[1]:] // before it may stand the container that is the node
	}
	if m := containerID.FindStringSubmatch(cgroup); m != nil {
		id = m[1][:12]
	}
	return id, pod
}
