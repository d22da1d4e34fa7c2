package main

import (
	"bytes"
	"log/slog"
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

// TestWarningsStandBesideFaults, whichever command finds them.
func TestWarningsStandBesideFaults(t *testing.T) {
	config := configFile(t, "[[inputs.simulate]]\nintervall = \"1s\"\n[[outputs.stdout]]\nfilter = { fields = [\"power_wats\"] }\n")
	want := "warning: " + config + ":4: `filter.fields` in [[outputs.stdout]]: `power_wats` matches no field that comes here: did you mean `power_watts`?\n" +
		config + ":2: unknown key `intervall` in [[inputs.simulate]]: did you mean `interval`?\n"
	f := func(args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		status := execute(args, program{stdout: &stdout, stderr: &stderr, registry: all.Plugins()})
		if status != 1 || stdout.Len() > 0 || stderr.String() != want {
			t.Errorf("%v: status %d, %s%s, want %s", args, status, &stdout, &stderr, want)
		}
	}
	f("check", config)
	f("run", "-c", config)
	f("once", "-c", config)
	var log bytes.Buffer
	_, err := source{Config: []string{config}}.reload(&program{registry: all.Plugins()}, slog.New(slog.NewTextHandler(&log, nil)))
	if err == nil || !strings.Contains(log.String(), "power_wats") || !strings.Contains(log.String(), "intervall") {
		t.Errorf("a reload says %s", &log)
	}
}
