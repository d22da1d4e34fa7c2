package nvml

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

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
