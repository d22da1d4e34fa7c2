package isolate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// session is the life of one child.
type session struct {
	in    *Input
	child *sdk.Child
	began time.Time
	words words // what libraries printed

	opened    chan struct{}
	over      chan struct{} // closed when the child's output has come to its end
	broke     error         // what was wrong with it; valid once over is closed
	ended     *fault        // the child's last message; likewise
	condemned chan error    // what is wrong with its rows
	readers   sync.WaitGroup

	beat    atomic.Int64 // of the last sign of life, in ns after began
	running atomic.Int64 // ns for which a call had been running then
}

// begin starts to follow a child.
func (in *Input) begin(child *sdk.Child) *session {
	s := &session{
		in: in, child: child, began: time.Now(),
		opened: make(chan struct{}), over: make(chan struct{}), condemned: make(chan error, 1),
	}
	in.mirror.begin()
	s.readers.Go(func() {
		defer close(s.over)
		s.broke = s.follow()
	})
	s.readers.Go(func() { s.relay(in.env.Log) })
	return s
}

// condemn says that the child must be replaced.
func (s *session) condemn(err error) {
	select {
	case s.condemned <- err:
	default:
	}
}

// follow tells the child what to do and takes its messages, until its output ends or makes no sense.
func (s *session) follow() error {
	line, err := json.Marshal(s.in.order)
	if err != nil {
		return err
	}
	if _, err := s.child.Stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("tell the child what to do: %w", err)
	}
	r, buf, greeted := bufio.NewReaderSize(s.child.Stdout, 64<<10), s.in.inbox.buffer(), false
	defer func() { s.in.inbox.recycle(buf) }()
	for {
		kind, body, err := readMessage(r, buf)
		buf = body
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, errWire), errors.Is(err, os.ErrClosed):
			return nil
		case err != nil:
			return err
		case (kind == kindHello) == greeted:
			return fmt.Errorf("%w: kind %d out of turn", errWire, kind)
		}
		greeted = true
		if kind == kindRows { // that take keeps
			buf = s.in.inbox.buffer()
		}
		if err := s.take(kind, body); err != nil || s.ended != nil {
			return err
		}
	}
}

// take takes a message. One of rows it keeps.
func (s *session) take(kind byte, body []byte) error {
	switch kind {
	case kindHello:
		return parseHello(body)
	case kindOpened:
		if len(body) > 0 || s.isOpen() {
			return fmt.Errorf("%w: opened twice", errWire)
		}
		close(s.opened)
	case kindRows:
		r, err := parseRows(body)
		if err != nil {
			return err
		}
		s.in.order.Mark = append(s.in.order.Mark[:0], r.mark...)
		return s.in.inbox.put(item{from: s, message: body, rows: r})
	case kindFigures:
		return s.in.mirror.apply(body)
	case kindBeat:
		running, err := parseBeat(body)
		s.running.Store(int64(running))
		s.beat.Store(int64(time.Since(s.began)))
		return err
	case kindEnded:
		f, err := parseEnded(body)
		if err == nil {
			s.ended = &f
		}
		return err
	}
	return nil
}

func (s *session) isOpen() bool { return isClosed(s.opened) }

// hang returns for how long a call has been running, as far as is known: what the child says or, where it
// has said nothing for a while, how long it has been silent.
func (s *session) hang() time.Duration {
	silent := time.Since(s.began) - time.Duration(s.beat.Load())
	return max(time.Duration(s.running.Load()), silent-2*s.in.timing.beat)
}

// verdict says why the child has ended, once it has been seen off.
func (s *session) verdict() error {
	why := s.broke
	if s.ended != nil && !errors.Is(why, errWire) {
		return s.ended
	}
	if why == nil {
		why = errors.New("the child process ended")
	}
	if !s.gone() {
		why = fmt.Errorf("%w, and is still there", why)
	} else if err := s.child.Err(); err != nil {
		why = fmt.Errorf("%w: %w", why, err)
	}
	if said := s.words.first(); said != "" {
		why = fmt.Errorf("%w; it said: %q", why, said)
	}
	return why
}

func (s *session) gone() bool { return isClosed(s.child.Exited) }

// goneWithin waits for the end of the process.
func (s *session) goneWithin(d time.Duration) bool { return closedWithin(s.child.Exited, d) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func closedWithin(c <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}
