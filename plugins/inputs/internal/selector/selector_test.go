package selector_test

import (
	"testing"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
)

func TestSelector(t *testing.T) {
	id := selector.GPU{UUID: "GPU-0ab1", Index: "3", Name: "NVIDIA H100 80GB HBM3", Bus: "00000000:3B:00.0"}
	f := func(want bool, devices ...string) {
		t.Helper()
		s, err := selector.New(devices)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Wants(id); got != want {
			t.Errorf("%q: %v", devices, got)
		}
	}
	f(true)
	f(true, "3")
	f(false, "2", "33")
	f(true, "2", "3")
	f(true, "GPU-0AB1")
	f(false, "GPU-0ab")
	f(true, "00000000:3b:00.0")
	f(true, "0000:3b:00.0")
	f(true, "3b:00.0")
	f(false, "0001:3b:00.0")
	f(true, "*h100*")
	f(false, "*A100*")
	f(true, "NVIDIA H100 80GB HBM?")
	f(false, "!3")
	f(true, "!2", "!*T4*")
	f(false, "*H100*", "!3b:00.0")
	f(false, "2", "!*T4*")
	id.Name = "Quadro RTX 6000/8000 [x]"
	f(true, "*rtx*")
	f(true, "* [x]")
}

func TestFaults(t *testing.T) {
	for _, devices := range [][]string{{""}, {"0", "!"}} {
		if _, err := selector.New(devices); err == nil {
			t.Errorf("%q names GPUs", devices)
		}
	}
}
