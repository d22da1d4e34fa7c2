package tegrastats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// follower runs one tegrastats after the other on a goroutine of its own.
type follower struct {
	in       *Input
	timing   timing
	launcher *child.Launcher
	packets  *child.Mailbox[packet]
	spares   child.Spares[sheet]
	lines    *child.Lines
	message  []byte // the last line that was none of tegrastats'

	noise, dropped, starts *sdk.Number

	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// packet is what the following goroutine hands to the reading one: readings or an error.
type packet struct {
	sheet *sheet
	err   error
}

// timing holds the durations of a follower, which tests shorten.
type timing struct {
	first  time.Duration // until the first line, in addition to an interval
	stall  time.Duration // the least time without a line that counts as a stall; else five intervals
	pauses child.Pauses  // before a restart
}

var defaultTiming = timing{first: 15 * time.Second, stall: 5 * time.Second, pauses: child.DefaultPauses}

const (
	program = "tegrastats"
	pending = 32 // lines that may wait for the reader
	maxLine = 64 << 10
)

func newFollower(in *Input, path string) *follower {
	m := in.env.Meter
	f := &follower{in: in, timing: defaultTiming, spares: child.NewSpares[sheet](pending)}
	f.launcher = child.NewLauncher(program, path, "see `dmesg`; the host needs a reboot",
		m.Counter("gpuline_tegrastats_abandoned_total", "Processes of tegrastats that could not be killed and were left behind."))
	f.noise = m.Counter("gpuline_tegrastats_noise_lines_total", "Lines of tegrastats that hold no readings, such as messages.")
	f.dropped = m.Counter("gpuline_tegrastats_dropped_lines_total", "Lines of tegrastats that were dropped because the agent fell behind.")
	f.starts = m.Counter("gpuline_tegrastats_starts_total", "Starts of tegrastats.")
	f.packets = child.NewMailbox(pending, f.lose)
	return f
}

func (f *follower) begin() {
	f.lines = f.listen()
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.wait.Go(func() {
		child.Repeat(ctx, f.timing.pauses, f.session, func(err error) { f.packets.Put(packet{err: err}) })
	})
}

func (f *follower) end() {
	f.cancel()
	f.wait.Wait()
}

func (f *follower) lose(p packet) {
	if p.sheet != nil {
		f.dropped.Add(1)
		f.spares.GiveBack(p.sheet)
	}
}

// session runs one tegrastats for as long as it prints lines, and returns why it did not go on.
func (f *follower) session(ctx context.Context) error {
	c, err := f.launcher.Start("--interval", strconv.FormatInt(f.in.interval.Milliseconds(), 10))
	if err != nil {
		return err
	}
	f.starts.Add(1)
	f.message = f.message[:0]
	_, held, err := f.lines.Follow(ctx, c)
	if err != nil {
		f.launcher.Stop(c)
		return err
	}
	err = f.launcher.Finish(ctx, c, held)
	if err == nil {
		err = &child.ExitError{Name: program, Stderr: c.Stderr()}
	}
	return explain(err, f.message)
}

// explain adds what the program printed as its reason.
func explain(err error, message []byte) error {
	var exit *child.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if said, _, _ := bytes.Cut(bytes.TrimSpace(exit.Stderr), []byte("\n")); len(said) > 0 {
		message = said
	}
	if len(message) == 0 {
		return err
	}
	return fmt.Errorf("%w; it said: %q", err, message[:min(len(message), 200)])
}

// listen returns how to follow tegrastats.
func (f *follower) listen() *child.Lines {
	return &child.Lines{
		Program: program, Row: "line", First: f.timing.first + f.in.interval, Stall: max(5*f.in.interval, f.timing.stall),
		Longest: maxLine, Now: f.in.env.Now, Line: f.line, Long: f.disregard, Log: f.in.env.Log,
	}
}

func (f *follower) line(line []byte, now time.Time, at int64) bool {
	if len(bytes.TrimSpace(line)) == 0 {
		return false
	}
	s := f.spares.Take()
	if !s.parse(line) {
		f.spares.GiveBack(s)
		f.disregard(line)
		return false
	}
	f.message = f.message[:0] // what came before a line is not why the process ends
	s.at = at
	f.in.sysfs.renew(now)
	f.in.sysfs.supplement(s)
	f.packets.Put(packet{sheet: s})
	return true
}

// disregard counts a line without readings, and keeps it for the message in case the process fails.
func (f *follower) disregard(line []byte) {
	f.noise.Add(1)
	f.message = append(f.message[:0], line[:min(len(line), 200)]...)
}
