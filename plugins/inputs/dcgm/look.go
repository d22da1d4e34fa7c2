package dcgm

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/sharedlib"
)

const libraryName = "libdcgm.so.4"

// lookLibrary reports whether DCGM's client library is there, without loading it: at path where it is given.
func lookLibrary(path string) error {
	if !withCgo {
		return errNoCgo
	}
	_, err := sharedlib.Find(libraryName, path, "DCGM's library", "install DCGM 4 (datacenter-gpu-manager-4-core)")
	return err
}

var errNoCgo = errors.New(`this binary was built without cgo, which mode = "hostengine" needs: take the build with cgo, or mode = "exporter" or "dmon"`)

// Finding is a way to DCGM on this host.
type Finding struct {
	Mode  string
	What  string // for people
	Other string // a setting that it needs besides, as TOML; or ""
}

// Look looks for DCGM on this host, and connects to nothing: a hostengine that listens, dcgm-exporter that
// does, or dcgmi.
func Look() (Finding, error) { return look("/proc") }

const (
	hostenginePort = 5555
	exporterPort   = 9400
)

func look(proc string) (Finding, error) {
	switch socket := hostengineSocket(proc); {
	case lookLibrary("") != nil: // nobody to talk to the hostengine with
	case listens(proc, hostenginePort):
		return Finding{Mode: modeHostengine, What: fmt.Sprintf("nv-hostengine on port %d", hostenginePort)}, nil
	case socket != "":
		return Finding{Mode: modeHostengine, What: "nv-hostengine at " + socket, Other: fmt.Sprintf("address = %q", "unix://"+socket)}, nil
	}
	if listens(proc, exporterPort) {
		return Finding{Mode: modeExporter, What: fmt.Sprintf("dcgm-exporter on port %d", exporterPort)}, nil
	}
	if path, err := lookDmon(""); err == nil {
		return Finding{Mode: modeDmon, What: path}, nil
	}
	return Finding{}, fmt.Errorf("look for DCGM: nothing listens on the ports %d and %d, and there is no dcgmi in PATH", hostenginePort, exporterPort)
}

// listens reports whether some process of this host listens on a TCP port, by the kernel's own list.
func listens(proc string, port int) bool {
	const listening = "0A"
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		for line := range linesOf(filepath.Join(proc, name)) {
			cells := strings.Fields(line)
			if len(cells) > 3 && cells[3] == listening && strings.HasSuffix(cells[1], fmt.Sprintf(":%04X", port)) {
				return true
			}
		}
	}
	return false
}

// hostengineSocket returns the path of a Unix socket that nv-hostengine listens on, by its name, or "".
func hostengineSocket(proc string) string {
	for line := range linesOf(filepath.Join(proc, "net/unix")) {
		cells := strings.Fields(line)
		path := cells[len(cells)-1]
		if base := filepath.Base(path); strings.HasPrefix(path, "/") && (strings.Contains(base, "hostengine") || strings.Contains(base, "dcgm")) {
			return path
		}
	}
	return ""
}

// linesOf loops over the lines of a file that are not empty; a file that cannot be read has none.
func linesOf(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		text, err := os.ReadFile(path)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}
