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
	"github.com/gpuline/gpuline/plugins/sdk/clock"
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
	d.messages = d.messages[:0]
	rows, held, err := d.lines(s).Follow(ctx, c)
	if err != nil {
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

// lookAgain checks from time to time whether MIG instances have come or gone, until the function that it returns is
// called. It checks less often on a host that has none, as most never will.
func (d *dmon) lookAgain(ctx context.Context, s *session) (end func()) {
	every := d.timing.rediscover
	if s.members.option() == "" {
		every *= 5
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		for clock.Sleep(ctx, every) {
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

const (
	maxLine    = 1 << 16
	maxMessage = 200
)

// lines returns how to follow a session.
func (d *dmon) lines(s *session) *child.Lines {
	began := time.Now()
	return &child.Lines{
		Program: "dcgmi dmon", Row: "row", First: d.timing.firstRow, Stall: max(5*d.interval, d.timing.stall),
		Longest: maxLine, Now: d.env.Now, Long: d.disregard, Log: d.env.Log,
		Line: func(line []byte, _ time.Time, at int64) bool { return d.line(s, bytes.TrimSpace(line), at) },
		Settle: func(now time.Time) error {
			if s.packet != nil {
				d.packets.Put(s.packet)
				s.packet = nil
			}
			if s.changed.Load() || s.strangers && now.Sub(began) > d.timing.rediscover {
				return child.ErrAgain
			}
			s.strangers = false
			return nil
		},
	}
}

// line takes a line into the session's packet, if it is a row.
func (d *dmon) line(s *session, line []byte, at int64) bool {
	switch m, _, kind := classify(line); kind {
	case lineRow:
		d.messages = d.messages[:0] // what came before a row is not why the process ends
		if _, known := s.members[m]; !known {
			s.strangers = true
			d.noise.Add(1)
			return false
		}
		if s.packet == nil {
			s.packet = d.newPacket(s, at)
		}
		s.packet.text = append(append(s.packet.text, line...), '\n')
		s.packet.rows++
		return true
	case lineNoise:
		d.disregard(line)
	}
	return false
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
