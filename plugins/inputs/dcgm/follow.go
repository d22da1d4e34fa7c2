package dcgm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// follow runs one dcgmi dmon for as long as it prints rows, and returns why it did not go on.
func (d *dmon) follow(ctx context.Context) error {
	found, err := d.discover(ctx)
	if err != nil {
		return err
	}
	_ = d.discoverInstances(ctx, found) // a dcgmi that does not know MIG still reads GPUs
	s := &session{fields: d.plans.fields(), members: found}
	args := append([]string{"dmon"}, d.config.host()...)
	args = append(args, "-e", argument(s.fields), "-d", strconv.FormatInt(d.interval.Milliseconds(), 10))
	option := found.option()
	if !d.whole {
		if option != "" {
			args = append(args, "-i", option)
		}
		defer d.lookAgain(ctx, s)()
	}
	c, err := d.launcher.Start(args...)
	if err != nil {
		return err
	}
	d.starts.Add(1)
	defer c.Interrupt(ctx)()
	d.input, d.messages = d.input[:0], d.messages[:0]
	rows, held, err := d.pump(ctx, c, s)
	switch {
	case ctx.Err() != nil:
		d.launcher.Stop(c)
		return ctx.Err()
	case err != nil:
		d.launcher.Stop(c)
		return err
	}
	err = d.launcher.Finish(ctx, c, held)
	said := message(d.messages, c.Stderr())
	if rows == 0 && !isUnreachable(said) && !isEmpty(said) {
		if d.plans.refuse() {
			return child.ErrAgain
		}
		if option != "" && !d.whole {
			d.whole = true
			d.env.Log.Warn("dcgmi dmon does not read MIG instances; the GPUs go on", "asked_for", option, "said", said)
			return child.ErrAgain
		}
	}
	d.whole = d.whole && rows == 0
	return ended(err, said)
}

// lookAgain looks now and then whether MIG instances have come or gone, until the function that it returns is called.
// Where there are none, most hosts never have some: it looks seldom.
func (d *dmon) lookAgain(ctx context.Context, s *session) (end func()) {
	every := d.timing.rediscover
	if s.members.option() == "" {
		every *= 5
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		for child.Sleep(ctx, every) {
			found, err := d.discover(ctx)
			if err != nil || d.discoverInstances(ctx, found) != nil {
				continue // it is not known
			}
			if found.option() != s.members.option() {
				s.changed.Store(true)
				return
			}
		}
	})
	return func() { cancel(); looking.Wait() }
}

// ended says why dcgmi dmon did not go on.
func ended(err error, said string) error {
	if err == nil {
		err = errors.New("dcgmi dmon ended")
	}
	if said != "" {
		err = fmt.Errorf("%w; it said: %q", err, said)
	}
	if isUnreachable(said) {
		err = fmt.Errorf("%w: is nv-hostengine running, and is `address` right?", err)
	}
	return err
}

// isUnreachable reports whether dcgmi complains about the hostengine and not about what it was asked: the
// texts are those of DCGM's errors, see dcgm_structs.h.
func isUnreachable(said string) bool {
	return containsAny(said, "unable to connect", "unable to establish a connection", "connection not valid", "connection invalid",
		"connection to the host engine is not valid", "paused", "disconnected")
}

// isEmpty reports whether dcgmi complains that there is no GPU, whatever it was asked about them.
func isEmpty(said string) bool {
	return containsAny(said, "no data returned from the hostengine", "entity group is empty")
}

func containsAny(said string, texts ...string) bool {
	said = strings.ToLower(said)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(said, text) })
}

// pump takes what the process prints until it ends. held says that others hold its output open. An error says
// that the process is of no more use, though it has not ended.
func (d *dmon) pump(ctx context.Context, c *child.Child, s *session) (rows int, held bool, err error) {
	limit := d.timing.firstRow
	began := time.Now()
	stalled := began.Add(limit)
	for {
		d.input = slices.Grow(d.input, 4<<10)
		n, err := c.Read(d.input[len(d.input):cap(d.input)], stalled)
		now := time.Now()
		d.input = d.input[:len(d.input)+n]
		if n > 0 {
			got, strangers := d.lines(s)
			if got > 0 {
				rows += got
				limit = max(5*d.interval, d.timing.stall)
				stalled = now.Add(limit)
			}
			if s.changed.Load() || strangers && now.Sub(began) > d.timing.rediscover {
				return rows, false, child.ErrAgain
			}
		}
		switch {
		case ctx.Err() != nil:
			return rows, false, ctx.Err()
		case err == nil:
		case !child.IsHeld(err):
			return rows, false, nil
		case c.HasExited():
			return rows, true, nil
		}
		if !now.Before(stalled) {
			return rows, false, fmt.Errorf("dcgmi dmon printed no row for %v: it is stopped, and another one started", limit)
		}
	}
}

const (
	maxLine    = 1 << 16
	maxMessage = 200
)

// lines takes the whole lines of the input and hands the rows among them over. It returns how many there
// were, and whether some were of entities that nobody knows.
func (d *dmon) lines(s *session) (rows int, strangers bool) {
	p := d.newPacket(s)
	p.at = d.env.Now().UnixNano()
	rest := d.input
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		line := bytes.TrimSpace(rest[:i])
		rest = rest[i+1:]
		switch m, _, kind := classify(line); kind {
		case lineRow:
			d.messages = d.messages[:0] // what came before a row is not why the process ends
			if _, known := s.members[m]; !known {
				strangers = true
				d.noise.Add(1)
				continue
			}
			p.text = append(append(p.text, line...), '\n')
			p.rows++
		case lineNoise:
			d.disregard(line)
		}
	}
	if len(rest) > maxLine {
		d.disregard(rest[:maxMessage])
		rest = nil
	}
	d.input = append(d.input[:0], rest...)
	rows = p.rows
	if rows > 0 {
		d.packets.Put(p)
	}
	return rows, strangers
}

// disregard counts a line that is no row, and keeps it for the message in case the process fails.
func (d *dmon) disregard(line []byte) {
	d.noise.Add(1)
	if len(d.messages) < 4096 {
		d.messages = append(append(d.messages, line...), '\n')
	}
}

// message picks the first line that explains a failure.
func message(outputs ...[]byte) string {
	for _, out := range outputs {
		for line := range bytes.Lines(out) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				return strings.ToValidUTF8(string(line[:min(len(line), maxMessage)]), "�")
			}
		}
	}
	return ""
}
