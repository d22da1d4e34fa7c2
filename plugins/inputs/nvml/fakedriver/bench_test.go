//go:build cgo

package fakedriver_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// BenchmarkDrain reads what has come into all rings of eight GPUs in 100 ms, and their energy: what the
// fake itself costs whoever measures a reader over it.
func BenchmarkDrain(b *testing.B) {
	s := newScenario(b, 8)
	for _, g := range s.GPUs {
		busy(g, rand.New(rand.NewPCG(7, 8)), 10*time.Minute)
	}
	lib := start(b, s)
	var devices []nvml.Device
	for i := range 8 {
		devices = append(devices, gpu(b, lib, i))
	}
	var seen [8][10]uint64
	b.ReportAllocs()
	for b.Loop() {
		s.Clock.Advance(100 * time.Millisecond)
		for i, d := range devices {
			for kind := range 10 {
				_, samples, ret := d.GetSamples(nvml.SamplingType(kind), seen[i][kind])
				if ret == nvml.SUCCESS {
					seen[i][kind] = samples[len(samples)-1].TimeStamp
				}
			}
			if _, ret := d.GetTotalEnergyConsumption(); ret != nvml.SUCCESS {
				b.Fatal(ret)
			}
		}
	}
}

// BenchmarkInit reads a scenario of an hour with 8 GPUs.
func BenchmarkInit(b *testing.B) {
	s := newScenario(b, 8)
	for _, g := range s.GPUs {
		busy(g, rand.New(rand.NewPCG(9, 10)), time.Hour)
	}
	path := filepath.Join(b.TempDir(), "scenario")
	if err := s.WriteFile(path); err != nil {
		b.Fatal(err)
	}
	b.Setenv(fakedriver.Env, path)
	lib := open(b)
	for b.Loop() {
		if ret := lib.Init(); ret != nvml.SUCCESS {
			b.Fatal(ret)
		}
		lib.Shutdown()
	}
}
