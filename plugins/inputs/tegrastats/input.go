package tegrastats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// Input reads a Jetson, in one of two ways. It is an [sdk.Reader].
//
// With tegrastats, a goroutine follows the program, and reads what the line lacks from /sys at the instant
// that the line arrives. It never waits for whoever reads: when a reader falls behind, the oldest lines go,
// and are counted. Without, Read waits for its tick and reads /sys.
type Input struct {
	config *Config
	adjust func(*follower) // by a test, before the first start

	env      *sdk.Env
	interval time.Duration
	sysfs    *sysfs
	board    *board
	invalid  *sdk.Number

	follower *follower // nil without tegrastats
	sheet    sheet     // without
	next     time.Time // tick, without
}

// Open looks for tegrastats and begins to follow it, or looks for the GPU below /sys.
func (in *Input) Open(_ context.Context, env *sdk.Env) error {
	in.env, in.interval = env, time.Second
	if env.Interval > 0 {
		in.interval = max(env.Interval.Round(time.Millisecond), time.Millisecond)
	}
	var path string
	if in.config.Mode != modeSysfs {
		var err error
		if path, err = look(in.config.BinPath); err != nil && in.config.Mode == modeTegrastats {
			return err
		}
	}
	y := openSysfs(in.config.Root)
	if path == "" && !y.hasGPU() {
		return errors.Join(errNoGPU(in.config), y.close())
	}
	id := identify(in.config.Root)
	if v, ok := y.maximum.number(); ok {
		id.clock = v
	}
	in.sysfs, in.board = y, newBoard(id)
	in.invalid = env.Meter.Counter("gpuline_tegrastats_invalid_values_total",
		"Readings of a Jetson that cannot be, such as a utilisation above 100 %, and were left out.")
	if path == "" {
		env.Log.Info("reading a Jetson from /sys, without what tegrastats alone knows: CPU cores, engines, memory controller", "gpu", id.model)
		in.follower, in.next = nil, time.Now()
		return nil
	}
	in.follower = newFollower(in, path)
	if in.adjust != nil {
		in.adjust(in.follower)
	}
	in.follower.begin()
	return nil
}

func errNoGPU(c *Config) error {
	if c.Mode == modeSysfs {
		return fmt.Errorf("look for the GPU of a Jetson below %s: it is not there: set `root` to where the host's /sys is mounted", c.Root)
	}
	return fmt.Errorf("look for %s and for the GPU of a Jetson below %s: neither is there: on a Jetson, set `bin_path`, or `root` to where the host's /sys is mounted", c.BinPath, c.Root)
}

// Close ends tegrastats. A process that cannot be killed is left behind after some seconds.
func (in *Input) Close() error {
	if in.follower != nil {
		in.follower.end()
	}
	return in.sysfs.close()
}

// Live says that a Jetson goes on, whether or not the agent has room.
func (in *Input) Live() bool { return true }

// Read returns the readings of one instant.
func (in *Input) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if in.follower == nil {
		return nil, in.sample(ctx, b)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case p := <-in.follower.packets.C:
		if p.err != nil {
			return nil, p.err
		}
		in.report(b, p.sheet)
		in.follower.spares.GiveBack(p.sheet)
		return nil, nil
	}
}

// sample waits for the tick and reads /sys. A tick that was missed is not made up for.
func (in *Input) sample(ctx context.Context, b *sdk.Batch) error {
	if !clock.Sleep(ctx, time.Until(in.next)) {
		return ctx.Err()
	}
	for now := time.Now(); !in.next.After(now); {
		in.next = in.next.Add(max(in.interval, now.Sub(in.next).Truncate(in.interval)))
	}
	in.sysfs.renew(time.Now())
	in.sysfs.read(&in.sheet)
	in.sheet.at = in.env.Now().UnixNano()
	in.report(b, &in.sheet)
	return nil
}

func (in *Input) report(b *sdk.Batch, s *sheet) {
	in.board.report(b, s)
	if s.invalid > 0 {
		in.invalid.Add(float64(s.invalid))
	}
}
