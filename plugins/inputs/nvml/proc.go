package nvml

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// procRoot is where the kernel shows processes.
const procRoot = "/proc"

// programOf returns the path of a process's program as its command line has it, or its short name, or ""
// where the process is not visible: from within a container without the host's PIDs.
func programOf(root, pid string) string {
	if line, err := os.ReadFile(filepath.Join(root, pid, "cmdline")); err == nil {
		if program, _, _ := bytes.Cut(line, []byte{0}); len(program) > 0 {
			return strings.ToValidUTF8(string(program), "�")
		}
	}
	name, err := os.ReadFile(filepath.Join(root, pid, "comm"))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(name)), "�")
}

// containerOf returns the first twelve digits of the id of the container that a process is in, and the UID
// of its Kubernetes pod; "" where there is none. Both stand in the names of its control groups, for example
//
//	0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b…_….slice/cri-containerd-4f5c….scope
//	12:memory:/docker/4f5c…
func containerOf(root, pid string) (container, pod string) {
	text, err := os.ReadFile(filepath.Join(root, pid, "cgroup"))
	if err != nil {
		return "", ""
	}
	return containerIn(string(text))
}

var (
	containerID = regexp.MustCompile(`(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:[/\n:]|$)`)
	podUID      = regexp.MustCompile(`pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})`)
)

func containerIn(cgroup string) (container, pod string) {
	if m := containerID.FindStringSubmatch(cgroup); m != nil {
		container = m[1][:12]
	}
	if m := podUID.FindStringSubmatch(cgroup); m != nil {
		pod = strings.ReplaceAll(m[1], "_", "-")
	}
	return container, pod
}
