package sdktest

import (
	"context"
	"sync"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Step is what a [Script] or a [Feed] does in one call.
type Step struct {
	Text string                      // metrics to add, see Parse
	Do   func(context.Context) error // called after that, if set: it may block, panic, or return the call's error
	Err  error                       // the call's error where Do gives none
}

// Script is a [sdk.Gatherer] that plays one step a call, and then returns [sdk.ErrEnd].
type Script struct{ steps }

// NewScript returns an input that plays steps.
func NewScript(t testing.TB, play ...Step) *Script { return &Script{steps{t: t, play: play}} }

// Gather plays the next step.
func (s *Script) Gather(ctx context.Context, b *sdk.Batch) error {
	_, err := s.next(ctx, b)
	return err
}

// Feed is a [sdk.Reader] that plays one step a call, and then returns [sdk.ErrEnd]. It records what
// became of each batch; an Ack that is called twice fails the test.
type Feed struct {
	steps
	acks  []Acked
	acked map[int]bool
}

// Acked is a call of an Ack.
type Acked struct {
	Step int // the step whose batch it was, from 0
	Err  error
}

// NewFeed returns an input that plays steps.
func NewFeed(t testing.TB, play ...Step) *Feed {
	return &Feed{steps: steps{t: t, play: play}, acked: make(map[int]bool)}
}

// Read plays the next step.
func (f *Feed) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	step, err := f.next(ctx, b)
	if err != nil && b.Len() == 0 {
		return nil, err
	}
	return func(err error) { f.ack(step, err) }, err
}

func (f *Feed) ack(step int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.acked[step] {
		f.t.Errorf("the Ack of step %d was called twice", step)
	}
	f.acked[step] = true
	f.acks = append(f.acks, Acked{step, err})
}

// Acks returns the calls of Acks so far, in order.
func (f *Feed) Acks() []Acked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Acked(nil), f.acks...)
}

type steps struct {
	// Offline makes the input a [sdk.Finite] one that says so. Set it before the input is used.
	Offline bool
	// OpenErrs are the errors of the first calls of Open; later ones succeed. Set it before, too.
	OpenErrs []error

	t     testing.TB
	play  []Step
	mu    sync.Mutex
	calls int
	Lifecycle
}

// Finite tells what Offline says.
func (s *steps) Finite() bool { return s.Offline }

// Open counts the call and returns the next of OpenErrs.
func (s *steps) Open(context.Context, *sdk.Env) error { return s.open(s.OpenErrs) }

// Close counts the call.
func (s *steps) Close() error { return s.close() }

// Calls returns how often the input was called.
func (s *steps) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func (s *steps) next(ctx context.Context, b *sdk.Batch) (int, error) {
	s.mu.Lock()
	n := s.calls
	s.calls++
	s.mu.Unlock()
	if n >= len(s.play) {
		return n, sdk.ErrEnd
	}
	step := s.play[n]
	for _, line := range Lines(step.Text) {
		if err := parseLine(b, line); err != nil {
			s.t.Errorf("step %d: %v\n%s", n, err, line)
		}
	}
	if step.Do != nil {
		if err := step.Do(ctx); err != nil {
			return n, err
		}
	}
	return n, step.Err
}

// Lifecycle counts calls of Open and Close. It is part of the fakes.
type Lifecycle struct {
	mu     sync.Mutex
	opens  int
	closes int
}

// Opens returns how often Open was called, failures included.
func (l *Lifecycle) Opens() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opens
}

// Closes returns how often Close was called.
func (l *Lifecycle) Closes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closes
}

func (l *Lifecycle) open(errs []error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opens++
	if l.opens <= len(errs) {
		return errs[l.opens-1]
	}
	return nil
}

func (l *Lifecycle) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closes++
	return nil
}
