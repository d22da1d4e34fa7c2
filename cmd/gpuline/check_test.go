package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"github.com/gpuline/gpuline/plugins/all"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestCheckThatCannotSayIt: whoever reads the answer from a file must not take an empty one for a status of 0.
func TestCheckThatCannotSayIt(t *testing.T) {
	config := configFile(t, "[[inputs.simulate]]\n[[outputs.stdout]]\n")
	var stderr bytes.Buffer
	status := execute([]string{"check", config}, program{stdout: fullDisk{}, stderr: &stderr, registry: all.Plugins()})
	if status != 1 || !strings.Contains(stderr.String(), "no space left on device") {
		t.Errorf("status %d, %s", status, &stderr)
	}
}
