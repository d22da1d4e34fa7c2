package tegrastats

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

// node is a file below /sys or /proc that stays open: the kernel makes its text anew for each read, and in
// steady state reading it allocates nothing. A nil node has no text.
type node struct {
	file *os.File
	buf  [64]byte // for a number
}

// open returns the first of these files that can be read, or nil.
func open(paths ...string) *node {
	for _, path := range paths {
		if file, err := os.Open(path); err == nil {
			return &node{file: file}
		}
	}
	return nil
}

// read returns the text, in buf. It is empty where the kernel has none, as of a device without power.
func (n *node) read(buf []byte) []byte {
	if n == nil {
		return nil
	}
	size, _ := n.file.ReadAt(buf, 0) // what was read counts, whatever ended it
	return buf[:size]
}

// number returns the number that the text begins with.
func (n *node) number() (v float64, ok bool) {
	if n == nil {
		return 0, false
	}
	v, length := decimal.Parse(bytes.TrimSpace(n.read(n.buf[:])))
	return v, length > 0
}

func (n *node) close() error {
	if n == nil {
		return nil
	}
	return n.file.Close()
}

// textOf returns the first line of a small file, or "". Those of the device tree end in a zero byte.
func textOf(paths ...string) string {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		line, _, _ = strings.Cut(line, "\x00")
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// glob returns the matches of a pattern, in an order that does not change from run to run.
func glob(pattern ...string) []string {
	matches, _ := filepath.Glob(filepath.Join(pattern...)) // the patterns are right
	slices.SortFunc(matches, func(a, b string) int {
		if d := len(a) - len(b); d != 0 {
			return d // hwmon2 before hwmon10
		}
		return strings.Compare(a, b)
	})
	return matches
}
