package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// tolerances say by how much two ways of reading may differ under a steady load: in our units, or as a share.
var tolerances = []struct {
	field      string
	unit       float64 // what is printed is in this many of our units
	name       string
	most, part float64
}{
	{"utilization_ratio", 0.01, "utilisation, %", 0.05, 0},
	{"memory_used_bytes", 1 << 20, "memory used, MiB", 64 << 20, 0.01},
	{"power_watts", 1, "power, W", 10, 0.05},
	{"temperature_celsius", 1, "temperature, °C", 2, 0},
	{"clock_sm_hertz", 1e6, "SM clock, MHz", 30e6, 0.03},
}

// compare reads a GPU under a steady load in three ways, and compares the means.
func (b *bench) compare(ctx context.Context, say func(string, ...any)) (err error) {
	steady, err := b.work(ctx, "steady")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, steady.end()) }()
	b.wait(ctx, b.length/4) // clocks and temperature settle
	smi, err := b.smi(ctx, "compare-smi", 500*time.Millisecond)
	if err != nil {
		return err
	}
	agent, err := b.agent(ctx, "compare", fmt.Sprintf("[[inputs.nvml]]\ndevices = [%q]\ninterval = \"100ms\"\n[[inputs.nvidia_smi]]\ndevices = [%q]\ninterval = \"500ms\"\n", b.gpu.uuid, b.gpu.uuid))
	if err != nil {
		return errors.Join(err, smi.end())
	}
	b.wait(ctx, b.length)
	if err := errors.Join(agent.end(), smi.end()); err != nil {
		return err
	}
	raw, err := readSMI(smi.file)
	if err != nil {
		return err
	}
	all, err := b.readLines(agent.file)
	if err != nil {
		return err
	}
	return agree(raw, all, say)
}

// agree prints the means, and returns an error that names those that differ by too much.
func agree(raw, all []sample, say func(string, ...any)) error {
	say("| reading | nvidia-smi | inputs.nvidia_smi | inputs.nvml | |\n|---|---|---|---|---|")
	var errs []error
	for _, t := range tolerances {
		some := of(raw, "", t.field)
		want := mean(values(some, t.field))
		row := fmt.Sprintf("| %s | %.1f |", t.name, want/t.unit)
		verdict := "agree"
		if len(some) == 0 { // as with utilisation under MIG
			say("| %s | not there | %d samples | %d samples | |", t.name, len(of(all, "nvidia_smi", t.field)), len(of(all, "nvml", t.field)))
			continue
		}
		for _, source := range []string{"nvidia_smi", "nvml"} {
			some := of(all, source, t.field)
			got := mean(values(some, t.field))
			row += fmt.Sprintf(" %.1f |", got/t.unit)
			if len(some) == 0 || math.Abs(got-want) > max(t.most, t.part*math.Abs(want)) {
				verdict = "**differ**"
				errs = append(errs, fmt.Errorf("%s of %s is %v, nvidia-smi says %v", t.field, source, got, want))
			}
		}
		say("%s %s |", row, verdict)
	}
	say("")
	return errors.Join(errs...)
}
