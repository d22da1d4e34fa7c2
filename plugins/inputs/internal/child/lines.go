package child

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Lines follows a program that stays and prints, line by line. One goroutine uses it; in steady state it allocates
// nothing.
type Lines struct {
	Program string        // as messages call it
	Row     string        // and a line with readings: "row"
	First   time.Duration // how long the first row may take
	Stall   time.Duration // how long each further one: a program that prints none is of no more use
	Longest int           // bytes of a line; the rest of a longer one is passed over
	Now     func() time.Time

	// Line takes a line without its end, and reports whether it is a row. What came together has the same times: now
	// by this process's clock, at in Unix nanoseconds by Now.
	Line func(line []byte, now time.Time, at int64) (row bool)

	// Long takes the beginning of a line that is too long.
	Long func(beginning []byte)

	// Log is told where no first row has come in the time that each further one may take; nil tells nobody. Why says
	// what that may come of; it may be empty.
	Log *slog.Logger
	Why string

	// Settle is called after the lines that came together, and at the time that Due returns. Its error ends the
	// following. Both may be nil.
	Settle func(now time.Time) error
	Due    func() (at time.Time, some bool)

	input   []byte // read, and no whole line yet
	passing bool   // what comes belongs to a line that is too long
}

// maxBeginning is how much of a line that is too long is shown.
const maxBeginning = 200

// Follow takes what c prints until it ends, or ctx does. held says that c has ended, and that a process which it started
// still holds its output open. An error says that c has not ended, and is of no more use.
func (l *Lines) Follow(ctx context.Context, c *Child) (rows int, held bool, err error) {
	defer c.interrupt(ctx)()
	l.input, l.passing = l.input[:0], false
	limit, began := l.First, time.Now()
	stalled := began.Add(limit)
	late := stalled // never after it
	if l.Log != nil {
		late = began.Add(min(l.Stall, limit))
	}
	for {
		l.input = slices.Grow(l.input, 4<<10)
		n, err := c.read(l.input[len(l.input):cap(l.input)], l.wake(late))
		now := time.Now()
		l.input = l.input[:len(l.input)+n]
		if n > 0 {
			if got := l.cut(now, l.Now().UnixNano()); got > 0 {
				rows, limit = rows+got, l.Stall
				stalled = now.Add(limit)
				late = stalled
			}
		}
		if ctx.Err() != nil {
			return rows, false, ctx.Err()
		}
		if l.Settle != nil {
			if err := l.Settle(now); err != nil {
				return rows, false, err
			}
		}
		switch {
		case err == nil:
		case !isHeld(err):
			return rows, false, nil
		case c.hasExited():
			return rows, true, nil
		}
		if late.Before(stalled) && !now.Before(late) {
			l.Log.Warn(l.Program+" has printed no "+l.Row+" yet; it is waited for"+l.Why, "for", l.Stall, "at_most", l.First)
			late = stalled
		}
		if !now.Before(stalled) {
			return rows, false, fmt.Errorf("%s printed no %s for %v: it is stopped, and another one started", l.Program, l.Row, limit)
		}
	}
}

// wake returns how long to wait for more at most.
func (l *Lines) wake(next time.Time) time.Time {
	if l.Due != nil {
		if due, some := l.Due(); some && due.Before(next) {
			return due
		}
	}
	return next
}

// Feed takes text as if the program had printed it, and returns how many rows that completes.
func (l *Lines) Feed(text []byte, now time.Time, at int64) (rows int) {
	l.input = append(l.input, text...)
	return l.cut(now, at)
}

// cut takes the whole lines of the input.
func (l *Lines) cut(now time.Time, at int64) (rows int) {
	rest := l.input
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		switch {
		case l.passing:
			l.passing = !whole
		case len(line) > l.Longest:
			l.Long(line[:min(len(line), maxBeginning)])
			l.passing = !whole
		case !whole:
		case l.Line(bytes.TrimRight(line, "\r"), now, at):
			rows++
		}
		if !whole {
			break
		}
		rest = after
	}
	if l.passing {
		rest = nil
	}
	l.input = append(l.input[:0], rest...)
	return rows
}
