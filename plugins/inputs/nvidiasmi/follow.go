package nvidiasmi

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
)

// follow runs one nvidia-smi after the other until ctx ends.
func (s *Stream) follow(ctx context.Context) {
	child.Repeat(ctx, s.timing.pauses, s.session, func(err error) {
		s.asker.refresh()
		s.packets.Put(packet{err: err})
	})
}

// session runs one nvidia-smi for as long as it prints rows, and returns why it did not go on.
func (s *Stream) session(ctx context.Context) error {
	p := s.asker.plan()
	c, err := s.launcher.Start(s.asker.args(p, "-lms", strconv.FormatInt(s.interval.Milliseconds(), 10))...)
	if err != nil {
		return err
	}
	s.starts.Add(1)
	defer c.Interrupt(ctx)()
	s.framer.start(p, s.blankFrame())
	s.input, s.messages = s.input[:0], s.messages[:0]
	rows, held, err := s.pump(ctx, c)
	s.release()
	switch {
	case ctx.Err() != nil:
		s.launcher.Stop(c)
		return ctx.Err()
	case err != nil:
		s.launcher.Stop(c)
		return err
	}
	err = explain(s.launcher.Finish(ctx, c, held), s.messages)
	if s.asker.learn(ctx, append(s.messages, c.Stderr()...)) && rows == 0 {
		return child.ErrAgain
	}
	if err == nil {
		err = ended(0, s.messages, c.Stderr())
	}
	return err
}

// pump takes what the process prints until it ends. held says that others hold its output open. An error
// says that the process is of no more use, though it has not ended.
func (s *Stream) pump(ctx context.Context, c *child.Child) (rows int, held bool, err error) {
	limit := s.timing.firstRow
	stalled := time.Now().Add(limit)
	var recheck time.Time
	if len(s.asker.avoid) > 0 {
		recheck = time.Now().Add(s.timing.recheck)
	}
	for {
		wake := stalled
		if due, some := s.framer.due(); some && due.Before(wake) {
			wake = due
		}
		s.input = slices.Grow(s.input, 4<<10)
		n, err := c.Read(s.input[len(s.input):cap(s.input)], wake)
		now := time.Now()
		if n > 0 {
			s.input = s.input[:len(s.input)+n]
			if got := s.lines(now, s.env.Now().UnixNano()); got > 0 {
				rows += got
				limit = max(5*s.interval, s.timing.stall)
				stalled = now.Add(limit)
			}
		}
		if due, some := s.framer.due(); some && !now.Before(due) {
			s.release()
		}
		switch {
		case ctx.Err() != nil:
			return rows, false, ctx.Err()
		case !recheck.IsZero() && now.After(recheck):
			s.asker.retry()
			return rows, false, child.ErrAgain
		case err == nil:
		case !child.IsHeld(err):
			return rows, false, nil
		case c.HasExited():
			return rows, true, nil
		}
		if !now.Before(stalled) {
			return rows, false, fmt.Errorf("nvidia-smi printed no row for %v: it is stopped, and another one started", limit)
		}
	}
}

// lines takes the whole lines of the input, and returns how many were rows.
func (s *Stream) lines(now time.Time, at int64) (rows int) {
	rest := s.input
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		rows += s.line(bytes.TrimRight(rest[:i], "\r"), now, at)
		rest = rest[i+1:]
	}
	if len(rest) > maxLine {
		s.disregard(rest[:maxMessage])
		rest = nil
	}
	s.input = append(s.input[:0], rest...)
	return rows
}

const maxLine = 1 << 20

func (s *Stream) line(line []byte, now time.Time, at int64) (rows int) {
	fr := &s.framer
	switch fr.plan.classify(line) {
	case lineNoise:
		s.disregard(line)
		return 0
	case lineHeader:
		s.release()
		fr.plan = fr.plan.withHeader(split(nil, line))
		fr.frame.plan = fr.plan
		return 0
	case lineRow:
	default:
		return 0
	}
	s.messages = s.messages[:0] // what came before a row is not why the process ends
	cells := head(line)
	id := identityOf(&cells)
	if fr.turns(id, now) {
		s.release()
		fr.turn(true)
	}
	fr.add(line, id, now, at)
	if uuid, ok := word(cells[columnUUID]); ok {
		if bus, ok := word(cells[columnBus]); ok {
			s.asker.meet(uuid, bus)
		}
	}
	return 1
}

// disregard counts a line that is no row, and keeps it for the message in case the process fails.
func (s *Stream) disregard(line []byte) {
	s.noise.Add(1)
	if len(s.messages) < 4096 {
		s.messages = append(append(s.messages, line...), '\n')
	}
}

// release hands the frame over, if there is anything in it.
func (s *Stream) release() {
	fr := &s.framer
	if len(fr.frame.rows) == 0 {
		return
	}
	s.packets.Put(packet{frame: fr.frame})
	fr.frame = s.blankFrame()
	fr.frame.plan = fr.plan
}
