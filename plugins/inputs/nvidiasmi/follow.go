package nvidiasmi

import (
	"context"
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
	s.framer.start(p, s.blankFrame())
	s.messages, s.recheck = s.messages[:0], time.Time{}
	if len(s.asker.avoid) > 0 {
		s.recheck = time.Now().Add(s.timing.recheck)
	}
	rows, held, err := s.lines.Follow(ctx, c)
	s.release()
	if err != nil {
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

// listen returns how to follow nvidia-smi.
func (s *Stream) listen() *child.Lines {
	return &child.Lines{
		Program: program, Row: "row", First: s.timing.firstRow, Stall: max(5*s.interval, s.timing.stall),
		Longest: maxLine, Now: s.env.Now, Line: s.line, Long: s.disregard, Settle: s.settle, Due: s.framer.due,
		Log: s.env.Log, Why: ": the driver may hang, or still be initialising the GPUs, as at each start without persistence mode",
	}
}

const maxLine = 1 << 20

// settle hands over the frame if it is due. It ends the session when GPUs that were left out are to be tried again.
func (s *Stream) settle(now time.Time) error {
	if due, some := s.framer.due(); some && !now.Before(due) {
		s.release()
	}
	if !s.recheck.IsZero() && now.After(s.recheck) {
		s.asker.retry()
		return child.ErrAgain
	}
	return nil
}

func (s *Stream) line(line []byte, now time.Time, at int64) (row bool) {
	fr := &s.framer
	switch fr.plan.classify(line) {
	case lineNoise:
		s.disregard(line)
		return false
	case lineHeader:
		s.release()
		fr.plan = fr.plan.withHeader(split(nil, line))
		fr.frame.plan = fr.plan
		return false
	case lineRow:
	default:
		return false
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
	return true
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
