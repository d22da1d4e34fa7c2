// Command demo prepares a host without GPUs for a look at inputs.nvml: it builds the fake driver into a
// folder, beside a scenario of four GPUs with bursts of work and a card that is lost for a while, and a
// configuration that reads them. With what `make gpu-check` recorded of a real card, it is one GPU that does
// the same for ever. `make demo-driver` runs the agent on it.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

const config = `# The fake driver's GPUs, read as real ones are. Written by make demo-driver.
[[inputs.nvml]]
interval = "100ms"
library = %q
tags = { demo = "fake_driver" }

[[processors.average]]
period = "5s"

[[processors.peak]]
period = "5s"
above = { utilization_ratio = 0.95 }

[[outputs.stdout]]
format = "table"
samples = true

[[outputs.prometheus]]
`

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: demo FOLDER [RINGS.CSV]")
		os.Exit(2)
	}
	if err := prepare(os.Args[1], os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func prepare(dir string, recording ...string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	s := scenario()
	for _, file := range recording {
		if s, err = replay(file); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lib, err := fakedriver.Build(dir)
	if err != nil {
		return err
	}
	if err := s.WriteFile(filepath.Join(dir, "scenario")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "agent.toml"), fmt.Appendf(nil, config, lib), 0o600)
}

func replay(file string) (*fakedriver.Scenario, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	s, err := fakedriver.Replay(f)
	if err != nil {
		return nil, err
	}
	s.Loaded = -time.Hour
	s.GPUs[0].Set("name", "Recorded GPU")
	return s, nil
}

// length is how long a scenario is before it repeats.
const length = 10 * time.Minute

func scenario() *fakedriver.Scenario {
	s := fakedriver.New(nil, 4)
	s.Loaded = -time.Hour
	for i, g := range s.GPUs {
		g.Set("name", "Fake H100")
		work(g, rand.New(rand.NewPCG(1, uint64(i))))
	}
	const from, long = 20 * time.Second, 15 * time.Second
	s.GPUs[2].Line(fakedriver.Throttle).Base(0).Burst(from, long, 0x4).Loop(time.Minute)
	s.GPUs[2].Line(fakedriver.ClockSM).Burst(from, long, 1410).Loop(time.Minute)
	s.GPUs[3].Lost(40*time.Second, 60*time.Second, false)
	s.GPUs[3].Event(39*time.Second, "xid", 79)
	return s
}

// work gives a GPU requests of 5 to 200 ms at random gaps.
func work(g *fakedriver.GPU, rng *rand.Rand) {
	power, util, sm, tensor := g.Line(fakedriver.Power).Base(95_000), g.Line(fakedriver.GPUUtil).Base(0), g.Line(fakedriver.GPMSM).Base(0), g.Line(fakedriver.GPMTensor).Base(0)
	for at := time.Duration(0); ; {
		at += 20*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(300*time.Millisecond))
		long := 5*time.Millisecond + time.Duration(rng.Int64N(int64(195*time.Millisecond)))
		if at+long > length {
			break
		}
		power.Burst(at, long, 300_000+rng.Int64N(390_000))
		util.Burst(at, long, 100)
		sm.Burst(at, long, 600+rng.Int64N(350))
		tensor.Burst(at, long, 200+rng.Int64N(400))
		at += long
	}
	for _, l := range []*fakedriver.Line{power, util, sm, tensor} {
		l.Loop(length)
	}
	g.Line(fakedriver.ClockSM).Base(1980)
	g.Line(fakedriver.MemoryUsed).Base(30_000 + rng.Int64N(20_000))
	g.Line(fakedriver.Temperature).Base(45+rng.Int64N(10)).Burst(time.Minute, 2*time.Minute, 71).Loop(length)
}
