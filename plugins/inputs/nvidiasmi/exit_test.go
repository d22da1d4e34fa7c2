package nvidiasmi

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMessages(t *testing.T) {
	f := func(out, want string) {
		t.Helper()
		if got := message([]byte(out)); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
	f("", "")
	f("\n\nNo devices were found\nmore\n", "No devices were found")
	f("0, GPU-1, a, b, c\nUnable to do it\n", "Unable to do it")
	f("<?xml?>\n<a>\nboom", "boom")
	f("<?xml?>\n<a>\n\t<mig_devices>\n\t\tNone\n\t</mig_devices>\n", "")

	field := func(out, want string) {
		t.Helper()
		if got := invalidField([]byte(out)); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
	field("Field \"power.draw.instant\" is not a valid field to query.\n\n", "power.draw.instant")
	field("\nField \"x y\" is not a valid field to query", "x y")
	field("Field \"x\" is fine", "")
	field("", "")

	devices := func(out string, want ...unreadable) {
		t.Helper()
		if got := unreadables([]byte(out)); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", out, got, want)
		}
	}
	const unable = "Unable to determine the device handle for "
	devices(unable+"GPU 0000:0B:00.0: GPU is lost.  Reboot the system", unreadable{-1, "0000:0B:00.0"})
	devices(unable+"GPU0000:0B:00.0: Unknown Error", unreadable{-1, "0000:0B:00.0"})
	devices(unable+"gpu 00000000:B5:00.0: Not Found", unreadable{-1, "00000000:B5:00.0"})
	devices(unable+"GPU1: 0000:34:00.0: Unknown Error\n"+unable+"GPU12: 0008:01:00.0: GPU is lost.\n<x/>",
		unreadable{1, "0000:34:00.0"}, unreadable{12, "0008:01:00.0"})
	devices(unable+"GPU2: Unknown Error\nNo devices were found", unreadable{2, ""})
	devices(unable + "GPU: x")
	devices(unable + "GPU2")
	devices("No devices were found")
}

func TestExitError(t *testing.T) {
	f := func(e ExitError, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(e.Error(), w) {
				t.Errorf("%q lacks %q", e.Error(), w)
			}
		}
	}
	f(ExitError{Code: 9, Message: "m"}, "status 9", "driver is not loaded", "modprobe", `"m"`)
	f(ExitError{Code: 12}, "status 12", "libnvidia-ml.so.1")
	f(ExitError{Code: 14}, "infoROM")
	f(ExitError{Code: 15}, "fallen off the bus", "reset")
	f(ExitError{Code: 255}, "dmesg")
	f(ExitError{Code: 18}, "reload its modules", "start a container again")
	f(ExitError{Code: 255, Message: "Failed to initialize NVML: Unknown Error"}, "status 255", "start the container again", "Unknown Error")
	f(ExitError{Code: 77}, "status 77")
	f(ExitError{Code: -1}, "signal")
	if err := tolerable(&ExitError{Code: exitInfoROM}); err != nil {
		t.Errorf("a corrupted infoROM is an error: %v", err)
	}
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nvidia-smi")
	f := func(name, want, wantErr string) {
		t.Helper()
		got, err := Look(name)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %q, %v, want %q, %q", name, got, err, want, wantErr)
		}
	}
	t.Setenv("PATH", dir)
	f("", "", `look for "nvidia-smi" in PATH`)
	f("", "", "install the NVIDIA driver, or set `bin_path`")
	f(path, "", "there is no such file")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(path, "", "cannot be executed")
	if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	f("", path, "")
	f("nvidia-smi", path, "")
	f(path, path, "")
}
