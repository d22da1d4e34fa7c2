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

// TestAnswerThatCannotBeGiven: whoever reads an answer from a file must not take an empty one for a status of 0.
func TestAnswerThatCannotBeGiven(t *testing.T) {
	config := configFile(t, "[[inputs.simulate]]\n[[outputs.stdout]]\n")
	f := func(args ...string) {
		t.Helper()
		var stderr bytes.Buffer
		status := execute(args, program{stdout: fullDisk{}, stderr: &stderr, registry: all.Plugins()})
		if status != 1 || strings.Count(stderr.String(), "no space left on device") != 1 {
			t.Errorf("%v: status %d, %s", args, status, &stderr)
		}
	}
	f()
	f("--help")
	f("help", "run")
	f("check", "--help")
	f("check", config)
	f("version")
	f("--version")
	f("init")
	f("completion", "bash")
	f("plugins")
	f("plugins", "list")
	f("plugins", "list", "-c", config)
	f("plugins", "sample", "inputs.nvml")
	f("plugins", "docs", "metrics")
	f("plugins", "sha256", config)
	f("rules", "test", "../../conf/tests/alerts.test.toml")
}
