package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// running is a program at work.
type running struct {
	cmd  *exec.Cmd
	file string   // for its standard output
	out  *os.File // the same, open
	said bytes.Buffer
}

// start starts a program whose standard output goes to a file. What it writes to standard error goes to one beside that.
func start(ctx context.Context, file, name string, args ...string) (*running, error) {
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	r := &running{cmd: exec.CommandContext(ctx, name, args...), file: file, out: out}
	r.cmd.Cancel = func() error { return r.cmd.Process.Signal(os.Interrupt) }
	r.cmd.WaitDelay = 10 * time.Second
	r.cmd.Stdout, r.cmd.Stderr = out, &r.said
	if err := r.cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return r, nil
}

// end asks the program to end, and waits for that.
func (r *running) end() error {
	_ = r.cmd.Process.Signal(os.Interrupt)
	err := r.cmd.Wait()
	_ = r.out.Close()
	if r.said.Len() > 0 {
		_ = os.WriteFile(r.file+".log", r.said.Bytes(), 0o600)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && exit.ExitCode() != 0 {
		out, _ := os.ReadFile(r.file) // nvidia-smi says there what is wrong
		return fmt.Errorf("%s: %w: %s%s", filepath.Base(r.cmd.Path), err, r.said.String(), out[:min(len(out), 300)])
	}
	return nil
}

// agent starts gpuline on inputs, with all of its samples as line protocol in a file.
func (b *bench) agent(ctx context.Context, name, inputs string) (*running, error) {
	config := filepath.Join(b.out, name+".toml")
	text := "[agent]\nhttp = \"\"\nself_interval = \"1s\"\n" + inputs + "[[outputs.stdout]]\nsamples = true\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return start(ctx, filepath.Join(b.out, name+".lp"), b.gpuline, "run", "-c", config)
}

// smi polls nvidia-smi itself, each interval, into a file.
func (b *bench) smi(ctx context.Context, name string, interval time.Duration) (*running, error) {
	names := strings.Join(smiNames, ",")
	if b.gpu.oldPower {
		names = strings.Replace(names, "power.draw.instant", "power.draw", 1)
	}
	return start(ctx, filepath.Join(b.out, name+".csv"), b.nvidiaSMI, "-i", b.gpu.uuid, "--query-gpu=timestamp,"+names,
		"--format=csv,noheader,nounits", "-lms", strconv.FormatInt(interval.Milliseconds(), 10))
}

// smiNames are what nvidia-smi is asked for, and smiFields our names for it, in our units.
var (
	smiNames  = []string{"utilization.gpu", "memory.used", "power.draw.instant", "temperature.gpu", "clocks.sm"}
	smiFields = []struct {
		field  string
		factor float64
	}{{"utilization_ratio", 0.01}, {"memory_used_bytes", 1 << 20}, {"power_watts", 1}, {"temperature_celsius", 1}, {"clock_sm_hertz", 1e6}}
)

// readSMI reads what nvidia-smi printed into a file.
func readSMI(file string) ([]sample, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseSMI(text)
}

func parseSMI(text []byte) ([]sample, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	var all []sample
	for _, record := range records {
		if len(record) != len(smiFields)+1 {
			continue
		}
		at, err := time.ParseInLocation("2006/01/02 15:04:05.000", record[0], time.Local)
		if err != nil {
			continue
		}
		s := sample{at: at.UnixNano(), fields: map[string]float64{}}
		for i, f := range smiFields {
			if v, err := strconv.ParseFloat(record[i+1], 64); err == nil {
				s.fields[f.field] = v * f.factor
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// cpu returns the processor time that a process and its children have used so far, in seconds.
func cpu(pid int) (total float64) {
	for _, p := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 13 {
			continue
		}
		for _, f := range fields[11:13] { // utime and stime, in ticks of 10 ms
			ticks, _ := strconv.ParseFloat(f, 64)
			total += ticks / 100
		}
	}
	return total
}

// memory returns the proportional and the anonymous memory of a process and its children, in bytes.
func memory(pid int) (pss, anonymous float64) {
	for _, p := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			kb, _ := strconv.ParseFloat(f[1], 64)
			switch f[0] {
			case "Pss:":
				pss += 1024 * kb
			case "Anonymous:":
				anonymous += 1024 * kb
			}
		}
	}
	return pss, anonymous
}

// family returns a process and its children. Not every kernel lists those: all processes are asked for their parent.
func family(pid int) []int {
	all := []int{pid}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			all = append(all, child)
		}
	}
	return all
}
