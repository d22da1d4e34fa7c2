package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// burst is a time in which the GPU worked, as the program that made it work says.
type burst struct {
	Start  int64 `json:"start"` // Unix nanoseconds
	End    int64 `json:"end"`
	Length int   `json:"length_ms"` // as asked for
}

// doBursts works the GPU in bursts, and returns them and from when on it had been idle before the first.
// They are kept in a file.
func (b *bench) doBursts(ctx context.Context, file string, count int) (all []burst, idle int64, err error) {
	work, err := b.work(ctx, "bursts", "--count", fmt.Sprint(count), "--gap", fmt.Sprint(b.gap.Seconds()))
	if err != nil {
		return nil, 0, err
	}
	idle = work.answer.IdleFrom
	for err = work.next(); err == nil; err = work.next() {
		all = append(all, work.answer.burst)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, work.end()); err != nil {
		return nil, 0, err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, 0, err
	}
	return all, idle, os.WriteFile(filepath.Join(b.out, file), text, 0o600)
}

// way is a way to look at a GPU, and what it showed.
type way struct {
	name    string
	samples []sample
	field   string
	reach   time.Duration // how far back a sample looks; 0 for the time since the sample before it
	floor   float64       // what an idle GPU stays below
}

// shows counts, for each length, all bursts and those that at least one sample shows: a sample that looks back into the
// burst, and is above what an idle GPU shows.
func (w *way) shows(bursts []burst) (shown, all map[int]int) {
	shown, all = make(map[int]int), make(map[int]int)
	for _, x := range bursts {
		all[x.Length]++
		i, _ := slices.BinarySearchFunc(w.samples, x.Start, func(s sample, at int64) int { return cmp.Compare(s.at, at) })
		for ; i < len(w.samples); i++ {
			s := w.samples[i]
			from := s.at - int64(w.reach)
			if w.reach == 0 && i > 0 {
				from = w.samples[i-1].at
			}
			if from >= x.End {
				break
			}
			if s.fields[w.field] > w.floor {
				shown[x.Length]++
				break
			}
		}
	}
	return shown, all
}

// period is the usual time between samples.
func period(samples []sample) time.Duration {
	var gaps []float64
	for i := 1; i < len(samples); i++ {
		gaps = append(gaps, float64(samples[i].at-samples[i-1].at))
	}
	return time.Duration(median(gaps))
}

// rates are those at which the agent looks.
var rates = []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second}

// observer is a program that looks at the GPU, and how to read what it saw.
type observer struct {
	*running
	read func() error
}

// showBursts works the GPU in bursts of known times while all ways look at it, and says which show how many.
func (b *bench) showBursts(ctx context.Context, say func(string, ...any)) error {
	var ways []way
	var observers []observer
	for _, interval := range []time.Duration{500 * time.Millisecond, time.Second} {
		smi, err := b.smi(ctx, "smi-"+interval.String(), interval)
		if err != nil {
			return err
		}
		i := len(ways)
		ways = append(ways, way{name: "nvidia-smi every " + interval.String(), field: "utilization_ratio", floor: 0.005})
		observers = append(observers, observer{smi, func() (err error) {
			ways[i].samples, err = readSMI(smi.file)
			return err
		}})
	}
	for _, interval := range rates {
		gpm := max(interval, 100*time.Millisecond)
		agent, err := b.agent(ctx, "nvml-"+interval.String(), fmt.Sprintf("[[inputs.nvml]]\ndevices = [%q]\ninterval = %q\ngpm_interval = %q\n", b.gpu.uuid, interval, gpm))
		if err != nil {
			return err
		}
		i := len(ways)
		ways = append(ways,
			way{name: "gpuline, rings, every " + interval.String(), field: "utilization_ratio", floor: 0.005},
			way{name: "gpuline, SM activity, every " + gpm.String(), field: "sm_active_ratio", floor: 0.002},
			way{name: "gpuline, power, every " + interval.String(), field: "power_watts"})
		observers = append(observers, observer{agent, func() error {
			all, err := b.readLines(agent.file)
			for k := range 3 {
				ways[i+k].samples = of(all, "", ways[i+k].field)
			}
			return err
		}})
	}
	bursts, idle, err := b.doBursts(ctx, "bursts.json", b.bursts)
	for _, o := range observers {
		err = errors.Join(err, o.end(), o.read())
	}
	if err != nil {
		return err
	}
	settle(ways, bursts, idle)
	table(say, ways, bursts)
	return nil
}

// settle finds out from the samples how far each way looks back, and below what an idle GPU stays.
func settle(ways []way, bursts []burst, idleFrom int64) {
	driver := time.Duration(0) // the driver's own period of utilisation: polls look back no further
	for i := range ways {
		w := &ways[i]
		if w.field == "sm_active_ratio" {
			continue
		}
		w.reach = period(w.samples)
		if w.field == "utilization_ratio" && (driver == 0 || w.reach < driver) {
			driver = w.reach
		}
		if w.field == "power_watts" && len(bursts) > 0 {
			var idle []float64
			for _, s := range w.samples {
				if s.at > idleFrom && s.at < bursts[0].Start {
					idle = append(idle, s.fields[w.field])
				}
			}
			slices.Sort(idle)
			if len(idle) > 0 {
				w.floor = idle[len(idle)-1] + 5
			}
		}
	}
	for i := range ways {
		if ways[i].field == "utilization_ratio" {
			ways[i].reach = driver
		}
	}
}

func table(say func(string, ...any), ways []way, bursts []burst) {
	lengths := map[int]bool{}
	for _, x := range bursts {
		lengths[x.Length] = true
	}
	var columns []int
	for n := range lengths {
		columns = append(columns, n)
	}
	slices.Sort(columns)
	head, rule := "| way | resolution |", "|---|---|"
	for _, n := range columns {
		head += fmt.Sprintf(" %d ms |", n)
		rule += "---|"
	}
	say("%s\n%s", head, rule)
	for i := range ways {
		w := &ways[i]
		if len(w.samples) == 0 {
			say("| %s | not there | %s", w.name, rule[len("|---|---|"):])
			continue
		}
		shown, all := w.shows(bursts)
		row := fmt.Sprintf("| %s | %v |", w.name, period(w.samples).Round(time.Millisecond))
		for _, n := range columns {
			row += fmt.Sprintf(" %.0f %% |", 100*float64(shown[n])/float64(all[n]))
		}
		say("%s", row)
	}
	say("")
}
