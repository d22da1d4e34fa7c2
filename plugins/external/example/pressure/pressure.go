package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

type config struct {
	Processes []string `toml:"processes" doc:"Globs of the names of processes, as ps -e shows them." default:"tritonserver,trtllm*,vllm*,VLLM*"`
	Proc      string   `toml:"proc" doc:"Where the kernel's files are." default:"/proc"`
}

// Validate finds globs that match nothing.
func (c *config) Validate() error {
	for i, glob := range c.Processes {
		if _, err := path.Match(glob, ""); err != nil {
			return sdk.Fault{Path: []string{"processes", strconv.Itoa(i)}, Problem: "is not a glob: " + err.Error()}
		}
	}
	return nil
}

type input struct {
	config
	env   *sdk.Env
	last  map[process]usage // of each process at the last read
	total map[string]*usage // of all processes of a name
}

// process is a process, and not another that has taken over its number.
type process struct{ pid, start string }

type usage struct{ cpu, delay float64 } // seconds

func build(c *config) (any, error) {
	return &input{config: *c, last: make(map[process]usage), total: make(map[string]*usage)}, nil
}

func (in *input) Open(_ context.Context, env *sdk.Env) error {
	in.env = env
	if _, err := os.Stat(filepath.Join(in.Proc, "pressure")); errors.Is(err, fs.ErrNotExist) {
		env.Log.Warn("the kernel tells no pressure: it has no CONFIG_PSI, or was started with psi=0")
	}
	return nil
}

// Gather reads what there is; a file that cannot be read does not keep the others from it.
func (in *input) Gather(_ context.Context, b *sdk.Batch) error {
	now := in.env.Now().UnixNano()
	return errors.Join(in.pressure(b, now), in.processes(b, now))
}

// The fields of host_pressure, by the line that they are on: of "some" at least one process waits, of
// "full" all do.
var stalled = map[string][2]sdk.Field{
	"some": {
		{Name: "some_stalled_seconds", Unit: "seconds", Type: sdk.Float, Kind: sdk.Counter},
		{Name: "some_stalled_ratio", Unit: "ratio", Type: sdk.Float},
	},
	"full": {
		{Name: "full_stalled_seconds", Unit: "seconds", Type: sdk.Float, Kind: sdk.Counter},
		{Name: "full_stalled_ratio", Unit: "ratio", Type: sdk.Float},
	},
}

// pressure reads lines such as "some avg10=1.53 avg60=0.87 avg300=0.29 total=8035871", of which the averages
// are percentages and the total is in µs (Documentation/accounting/psi.rst of Linux).
func (in *input) pressure(b *sdk.Batch, now int64) error {
	var errs []error
	for _, resource := range []string{"cpu", "memory", "io"} {
		text, err := os.ReadFile(filepath.Join(in.Proc, "pressure", resource))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m := b.Add(b.Series("host_pressure", sdk.Tag{Key: "resource", Value: resource}), now)
		for line := range strings.Lines(string(text)) {
			kind, rest, _ := strings.Cut(line, " ")
			fields, known := stalled[kind]
			if !known {
				continue
			}
			for pair := range strings.FieldsSeq(rest) {
				key, value, _ := strings.Cut(pair, "=")
				v, err := strconv.ParseFloat(value, 64)
				switch {
				case err != nil:
					errs = append(errs, fmt.Errorf("pressure of %s: %q is not a number", resource, pair))
				case key == "total":
					m.SetNumber(fields[0], v/1e6)
				case key == "avg10":
					m.SetNumber(fields[1], v/100)
				}
			}
		}
		if m.Len() == 0 {
			b.Drop(m, sdk.DropInvalid)
		}
	}
	return errors.Join(errs...)
}

// processes adds up what the processes of each name have used since the last read: the sums only grow, also
// when processes end.
func (in *input) processes(b *sdk.Batch, now int64) error {
	folders, err := filepath.Glob(filepath.Join(in.Proc, "[0-9]*"))
	if err != nil {
		return err
	}
	seen := make(map[process]usage)
	count, resident := make(map[string]int64), make(map[string]uint64)
	for _, folder := range folders {
		name, p, u, bytes, ok := in.read(folder)
		if !ok {
			continue
		}
		count[name]++
		resident[name] += bytes
		seen[p] = u
		sum := in.total[name]
		if sum == nil {
			sum = &usage{}
			in.total[name] = sum
		}
		if before, known := in.last[p]; known { // what it used before we saw it is not ours to tell
			sum.cpu += max(u.cpu-before.cpu, 0)
			sum.delay += max(u.delay-before.delay, 0)
		}
	}
	in.last = seen
	for name, sum := range in.total {
		m := b.Add(b.Series("host_process", sdk.Tag{Key: "process", Value: name}), now)
		m.Set(sdk.Field{Name: "processes", Type: sdk.Int}, sdk.IntValue(count[name]))
		m.SetNumber(sdk.Field{Name: "cpu_seconds", Unit: "seconds", Type: sdk.Float, Kind: sdk.Counter}, sum.cpu)
		m.SetNumber(sdk.Field{Name: "run_delay_seconds", Unit: "seconds", Type: sdk.Float, Kind: sdk.Counter}, sum.delay)
		m.Set(sdk.Field{Name: "resident_bytes", Unit: "bytes", Type: sdk.Uint}, sdk.UintValue(resident[name]))
	}
	return nil
}

// read reads one process; it is not ok for one that is not asked for, or that has just ended.
func (in *input) read(folder string) (name string, p process, u usage, resident uint64, ok bool) {
	text, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return "", p, u, 0, false
	}
	_, rest, _ := strings.Cut(string(text), "(")
	end := strings.LastIndexByte(rest, ')') // a name may hold anything
	if end < 0 {
		return "", p, u, 0, false
	}
	name = rest[:end]
	fields := strings.Fields(rest[end+1:])
	if len(fields) < 22 || !in.wanted(name) {
		return "", p, u, 0, false
	}
	const ticks = 100 // USER_HZ, on every architecture that Go knows
	u.cpu = (number(fields[11]) + number(fields[12])) / ticks
	u.delay = runDelay(folder)
	p = process{filepath.Base(folder), fields[19]}
	return name, p, u, uint64(number(fields[21])) * uint64(os.Getpagesize()), true
}

func (in *input) wanted(name string) bool {
	for _, glob := range in.Processes {
		if ok, _ := path.Match(glob, name); ok {
			return true
		}
	}
	return false
}

// runDelay adds up how long the threads of a process were ready to run and had to wait for a processor: the
// second number of schedstat, in ns.
func runDelay(folder string) float64 {
	files, _ := filepath.Glob(filepath.Join(folder, "task", "[0-9]*", "schedstat"))
	sum := 0.0
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		line, _ := bufio.NewReader(f).ReadString('\n')
		_ = f.Close() // it was only read
		if parts := strings.Fields(line); len(parts) >= 2 {
			sum += number(parts[1])
		}
	}
	return sum / float64(time.Second)
}

func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return v
}
