//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// A Jetson's lines, as an AGX Orin prints them.
const jetsonLine = "10-26-2025 05:11:29 RAM 7029/62841MB (lfb 1x4MB) SWAP 0/31421MB (cached 0MB) CPU [26%@960,off] EMC_FREQ 6%@2133 GR3D_FREQ 45%@[305,611] " +
	"NVENC off APE 174 cpu@48.468C gpu@43.875C cv0@-256C VDD_GPU_SOC 3202mW/3230mW VDD_CPU_CV 2400mW/1647mW VIN_SYS_5V0 5443mW/5168mW"

// TestJetson runs what a Jetson runs, the build for arm64 without cgo, under user-mode emulation: through a
// fake tegrastats, and through a tree of files in place of /sys.
func TestJetson(t *testing.T) {
	emulator := emulator(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "gpuline")
	cross(t, "build", "-trimpath", "-buildvcs=false", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", program, ".")
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("host/proc/device-tree/model", "NVIDIA Jetson AGX Orin\x00", 0o600)
	write("host/proc/device-tree/compatible", "nvidia,p3737-0000\x00nvidia,tegra234\x00", 0o600)
	write("host/proc/meminfo", "MemTotal: 64349964 kB\nMemAvailable: 57305684 kB\n", 0o600)
	write("host/sys/devices/gpu.0/load", "375\n", 0o600)
	tegrastats := write("tegrastats", "#!/bin/sh\nwhile sleep 0.1; do echo '"+jetsonLine+"'; done\n", 0o700)

	f := func(mode string, want ...string) {
		t.Helper()
		config := write(mode+".toml", fmt.Sprintf("[agent]\nhostname = \"edge\"\nhttp = \"\"\ninterval = \"100ms\"\n[[inputs.tegrastats]]\nmode = %q\nbin_path = %q\nroot = %q\n"+
			"[[processors.average]]\nperiod = \"1s\"\n[[outputs.stdout]]\nsamples = true\n", mode, tegrastats, filepath.Join(dir, "host")), 0o600)
		out := emulate(t, emulator, program, "once", "-c", config)
		for _, w := range append(want, `(?m)^ledger read=\d+ made=\d+ absorbed=0 delivered=\d+ dropped=0 queued=0 balance=ok$`) {
			if !regexp.MustCompile(w).Match(out) {
				t.Errorf("%s: no %s in\n%s", mode, w, out)
			}
		}
	}
	f("tegrastats",
		`(?m)^gpu,gpu_index=0,gpu_name=NVIDIA\\ Jetson\\ AGX\\ Orin,host=edge,source=tegrastats up=1i,utilization_ratio=0.45,memory_activity_ratio=0.06,.*power_watts=3.202,temperature_celsius=43.875,clock_sm_hertz=611000000i,clock_memory_hertz=2133000000i \d+$`,
		`(?m)^soc,component=cpu,host=edge,name=1,source=tegrastats powered=0i `,
		`(?m)^gpu_info,.* architecture="Ampere",compute_capability="8.7",power_rail="VDD_GPU_SOC"`)
	f("sysfs", `(?m)^gpu,.* up=1i,utilization_ratio=0.375,memory_used_bytes=7213342720i,`)

	if version := emulate(t, emulator, program, "version"); !bytes.Contains(version, []byte("arm64")) {
		t.Errorf("version: %s", version)
	}
}

// TestJetsonParser runs the tests of the parser as a Jetson would.
func TestJetsonParser(t *testing.T) {
	emulator := emulator(t)
	program := filepath.Join(t.TempDir(), "tegrastats.test")
	cross(t, "test", "-c", "-o", program, "../../plugins/inputs/tegrastats")
	out := emulate(t, emulator, program, "-test.run", "^(TestParse|TestNoise|TestDecimal|TestEngines|TestRails|TestSysfs|TestSysfsChanges|TestSupplement|TestCaptures)$", "-test.v")
	if !bytes.Contains(out, []byte("--- PASS: TestParse ")) || !bytes.Contains(out, []byte("\nPASS")) {
		t.Errorf("%s", out)
	}
}

func emulator(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("qemu-aarch64-static is not in PATH (Debian: qemu-user-static): the build for arm64 is not run")
	return ""
}

// cross runs the go command for a Jetson.
func cross(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}

// emulate runs a program for arm64 to its end and returns what it prints.
func emulate(t *testing.T, emulator string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, emulator, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}
