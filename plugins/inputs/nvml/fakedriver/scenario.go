package fakedriver

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Never is the end of what has none.
const Never = time.Duration(1<<63 - 1)

// A Scenario is what happens on a host. Every time in it is since its start. It is not safe for use from
// several goroutines.
type Scenario struct {
	Clock  *Clock        // the time that the driver lives in; nil for the machine's
	Driver string        // its version; "" for the default
	CUDA   string        // such as "12.9"; "" for the default
	Calls  string        // file that counts calls, see [ReadCalls]; "" for none
	Loaded time.Duration // when the driver was loaded, usually before the start: rings and counters begin then
	GPUs   []*GPU

	startBoot time.Duration // boot time at the start; 0: the first nvmlInit of a process is the start
	reloads   []reload
	steps     []epochStep
	extra     []string
}

type reload struct{ at, down time.Duration }

type epochStep struct{ at, by time.Duration }

// A GPU of a scenario, or a MIG instance of one.
type GPU struct {
	name     string // as statements call it
	lines    map[Reading]*Line
	rings    map[Sampling]*Ring
	mig      []*GPU
	extra    []string
	scenario *Scenario
}

// A Ring is one of the driver's ring buffers. Entry k is of the time Phase + k × Period.
type Ring struct {
	Period time.Duration
	Size   int           // entries
	Phase  time.Duration // of entry 0, less than Period
	Delay  time.Duration // from an entry's time until it can be read
	Mean   bool          // an entry is the mean of the period before it, rounded; else the value at its time
	Epoch  bool          // stamped with epoch time; else with boot time
	Zeroed bool          // the driver says that it filled the whole buffer, with zeroes at its end
	Off    bool          // NOT_SUPPORTED

	Changes bool          // holds an entry for each change instead, as the rings of clocks do; its line must not loop
	Skew    time.Duration // what its stamps are ahead

	// Every OutlierEvery-th entry is Outlier instead of what it should be; 0 for none.
	OutlierEvery int
	Outlier      uint32

	reading Reading
}

// New returns a scenario with so many GPUs, all as the defaults have it, that begins when clock stands
// where it stands now. A nil clock is the machine's: then it begins at a process's first nvmlInit, unless
// StartNow fixes it for several processes.
func New(clock *Clock, gpus int) *Scenario {
	s := &Scenario{Clock: clock}
	if clock != nil {
		s.startBoot = clock.Boot()
	}
	for i := range gpus {
		s.GPUs = append(s.GPUs, newGPU(s, strconv.Itoa(i)))
	}
	return s
}

func newGPU(s *Scenario, name string) *GPU {
	return &GPU{name: name, lines: map[Reading]*Line{}, rings: map[Sampling]*Ring{}, scenario: s}
}

// StartNow makes the present instant of the machine's clock the scenario's start.
func (s *Scenario) StartNow() error {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return fmt.Errorf("read the boot-time clock: %w", err)
	}
	s.startBoot = time.Duration(ts.Nano())
	return nil
}

// Add adds a statement as README.md describes them.
func (s *Scenario) Add(format string, args ...any) {
	s.extra = append(s.extra, fmt.Sprintf(format, args...))
}

// Reload takes the driver away at the time at, and loads it again after down.
func (s *Scenario) Reload(at, down time.Duration) {
	s.reloads = append(s.reloads, reload{at, down})
	s.Add("reload %s %s", span(at), span(down))
}

// Step moves the epoch clock forward at the given time. A scenario's Clock must be moved as well, by
// [Clock.Step].
func (s *Scenario) Step(at, by time.Duration) {
	s.steps = append(s.steps, epochStep{at, by})
	s.Add("step %s %s", span(at), span(by))
}

// Mismatch upgrades the driver at the time at: processes that called nvmlInit before get code 18 from then on.
func (s *Scenario) Mismatch(at time.Duration, version string) {
	s.Add("mismatch %s %s", span(at), version)
}

// Line returns the time line of r, which begins as the default has it; asking for it makes the GPU
// support r. An unknown reading makes nvmlInit fail.
func (g *GPU) Line(r Reading) *Line {
	l := g.lines[r]
	if l == nil {
		l = &Line{base: defaultReadings[r].value}
		g.lines[r] = l
	}
	return l
}

// Ring returns the ring buffer of type t, which begins as the default has it.
func (g *GPU) Ring(t Sampling) *Ring {
	r := g.rings[t]
	if r == nil {
		ring := defaultRings[t]
		r = &ring
		g.rings[t] = r
	}
	return r
}

// Set sets a fact, such as name, uuid, memory_total (MiB), gpm or pcie_bits; "none" makes a number unknown.
func (g *GPU) Set(key string, value any) { g.add("set %s %s %v", g.name, key, value) }

// Unsupported makes a reading, or the calls that a glob such as DeviceGetFan* names, answer NOT_SUPPORTED.
func (g *GPU) Unsupported(what string) { g.add("unsupported %s %s", g.name, what) }

// Stub makes a call report success and write nothing.
func (g *GPU) Stub(call string) { g.add("stub %s %s", g.name, call) }

// Error lets calls fail with code in [from, to). A call is a glob of NVML's names without "nvml"; with
// an argument, as in DeviceGetSamples/1 or DeviceGetFieldValues/82, only that sample type or field fails.
func (g *GPU) Error(call string, code int, from, to time.Duration) {
	g.add("error %s %s %d %s %s", g.name, call, code, span(from), span(to))
}

// Lost takes the GPU off the bus in [from, to); drop takes it out of the count as well.
func (g *GPU) Lost(from, to time.Duration, drop bool) {
	g.add("lost %s %s %s%s", g.name, span(from), span(to), map[bool]string{true: " drop"}[drop])
}

// Hang lets calls block in the library in [from, to), or for as long as the file while exists where
// it is not "". With locked, a blocked call keeps all others out.
func (g *GPU) Hang(call string, from, to time.Duration, while string, locked bool) {
	line := fmt.Sprintf("hang %s %s %s to %s", g.name, call, span(from), span(to))
	if while != "" {
		line += " while " + while
	}
	if locked {
		line += " locked"
	}
	g.add("%s", line)
}

// Delay makes calls take so much longer, with the driver's lock held.
func (g *GPU) Delay(call string, d time.Duration) { g.add("delay %s %s %s", g.name, call, span(d)) }

// Appears adds the GPU at the time at; with atInit only a later nvmlInit sees it.
func (g *GPU) Appears(at time.Duration, atInit bool) {
	g.add("appears %s %s%s", g.name, span(at), map[bool]string{true: " init"}[atInit])
}

// Event raises an event at the time at: kind is xid, sbe, dbe, poison, fatal_poison, unavailable, recovery, pstate,
// clock, or a number.
func (g *GPU) Event(at time.Duration, kind string, data uint64) {
	g.add("event %s %s %s %d", g.name, span(at), kind, data)
}

// A Process runs on a GPU for a while.
type Process struct {
	PID                         int
	Graphics                    bool
	From, To                    time.Duration
	MemoryMiB                   int
	SM, Memory, Encoder, Decode int // percent
	JPEG, OFA                   int // percent
}

// Process adds p; the same PID may stand several times, with other spans.
func (g *GPU) Process(p Process) {
	kind := map[bool]string{false: "compute", true: "graphics"}[p.Graphics]
	g.add("process %s %d %s %s %s %d %d %d %d %d %d %d", g.name, p.PID, kind, span(p.From), span(p.To), p.MemoryMiB,
		p.SM, p.Memory, p.Encoder, p.Decode, p.JPEG, p.OFA)
}

// MIG adds an instance to the GPU, which turns MIG mode on, and returns it.
func (g *GPU) MIG(gi, ci, memoryMiB, sms, slices int) *GPU {
	return g.MIGBetween(-Never, Never, gi, ci, memoryMiB, sms, slices)
}

// MIGBetween adds an instance that is there in [from, to). MIG mode is on while the GPU has any.
func (g *GPU) MIGBetween(from, to time.Duration, gi, ci, memoryMiB, sms, slices int) *GPU {
	g.add("mig %s %d %d %d %d %d %s %s", g.name, gi, ci, memoryMiB, sms, slices, span(from), span(to))
	m := newGPU(g.scenario, fmt.Sprintf("%s.%d.%d", g.name, gi, ci))
	g.mig = append(g.mig, m)
	return m
}

func (g *GPU) add(format string, args ...any) {
	g.extra = append(g.extra, fmt.Sprintf(format, args...))
}

// WriteFile writes the scenario to path, for [Env] to name.
func (s *Scenario) WriteFile(path string) error {
	var b strings.Builder
	s.write(&b)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the scenario: %w", err)
	}
	return nil
}

func (s *Scenario) write(w *strings.Builder) {
	fmt.Fprintf(w, "gpus %d\n", len(s.GPUs))
	for _, word := range []struct{ name, value string }{{"driver", s.Driver}, {"cuda", s.CUDA}, {"calls", s.Calls}} {
		if word.value != "" {
			fmt.Fprintf(w, "%s %s\n", word.name, word.value)
		}
	}
	if s.Clock != nil {
		fmt.Fprintf(w, "clock %s\n", s.Clock.path)
	}
	if s.startBoot != 0 {
		fmt.Fprintf(w, "start boot %s\n", span(s.startBoot))
	}
	fmt.Fprintf(w, "loaded %s\n", span(s.Loaded))
	for _, g := range s.GPUs {
		g.write(w)
	}
	for _, line := range s.extra {
		fmt.Fprintln(w, line)
	}
}

func (g *GPU) write(w *strings.Builder) {
	for _, r := range slices.Sorted(maps.Keys(g.lines)) {
		g.lines[r].write(w, g.name, r)
	}
	for _, t := range slices.Sorted(maps.Keys(g.rings)) {
		g.rings[t].write(w, g.name, t)
	}
	for _, line := range g.extra {
		fmt.Fprintln(w, line)
	}
	for _, m := range g.mig {
		m.write(w)
	}
}

func (r *Ring) write(w *strings.Builder, gpu string, t Sampling) {
	fmt.Fprintf(w, "ring %s %d period %s size %d phase %s delay %s", gpu, t, span(r.Period), r.Size, span(r.Phase), span(r.Delay))
	words := []struct {
		on          bool
		word, other string
	}{{r.Mean, " mean", " instant"}, {r.Epoch, " epoch", ""}, {r.Zeroed, " zeroed", ""}, {r.Off, " off", ""}, {r.Changes, " changes", ""}}
	for _, o := range words {
		if o.on {
			fmt.Fprint(w, o.word)
		} else {
			fmt.Fprint(w, o.other)
		}
	}
	if r.Skew != 0 {
		fmt.Fprintf(w, " skew %s", span(r.Skew))
	}
	if r.OutlierEvery > 0 {
		fmt.Fprintf(w, " outlier %d %d", r.OutlierEvery, r.Outlier)
	}
	fmt.Fprintln(w)
}

// span writes a time as the library reads it.
func span(d time.Duration) string {
	if d == Never {
		return "never"
	}
	return strconv.FormatInt(d.Microseconds(), 10) + "us"
}
