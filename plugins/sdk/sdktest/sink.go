package sdktest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Sink is an [sdk.Output] that records what it is given. Its zero value takes everything. Set the
// fields before it is used; the methods are safe at any time.
type Sink struct {
	// Do is called at the start of each Write, with the number of the call from 1, where it is set. The
	// sink takes nothing of a batch for which Do returns an error, except with an [*sdk.PartialError]:
	// then it takes the rows that are not rejected. Do may block or panic. [FailTimes], [Block] and
	// [Reject] make such functions.
	Do func(ctx context.Context, call int, b *sdk.Batch) error

	OpenErrs []error // of the first calls of Open; later ones succeed
	Full     bool    // record lines as DumpFull writes them

	mu    sync.Mutex
	calls int
	lines []string
	ids   []sdk.BatchID
	Lifecycle
}

// Open counts the call and returns the next of OpenErrs.
func (s *Sink) Open(context.Context, *sdk.Env) error { return s.open(s.OpenErrs) }

// Close counts the call.
func (s *Sink) Close() error { return s.close() }

// Write records the rows of b.
func (s *Sink) Write(ctx context.Context, b *sdk.Batch) error {
	s.mu.Lock()
	s.calls++
	call := s.calls
	s.mu.Unlock()
	var err error
	if s.Do != nil {
		err = s.Do(ctx, call, b)
	}
	var partial *sdk.PartialError
	if err != nil && !errors.As(err, &partial) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, b.ID)
	for i, line := range dump(b, s.Full) {
		if partial == nil || !slices.Contains(partial.Rejected, i) {
			s.lines = append(s.lines, line)
		}
	}
	return err
}

// Lines returns the rows taken so far, in order, as [Dump] writes them.
func (s *Sink) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines)
}

// IDs returns the ids of the batches taken so far.
func (s *Sink) IDs() []sdk.BatchID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids)
}

// Calls returns how often Write was called.
func (s *Sink) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// FailTimes makes the first n calls fail with err.
func FailTimes(n int, err error) func(context.Context, int, *sdk.Batch) error {
	return func(_ context.Context, call int, _ *sdk.Batch) error {
		if call <= n {
			return err
		}
		return nil
	}
}

// Block makes each call wait until free is closed or the context ends.
func Block(free <-chan struct{}) func(context.Context, int, *sdk.Batch) error {
	return func(ctx context.Context, _ int, _ *sdk.Batch) error {
		select {
		case <-free:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Reject makes each call refuse the rows whose line contains text.
func Reject(text string, err error) func(context.Context, int, *sdk.Batch) error {
	return func(_ context.Context, _ int, b *sdk.Batch) error {
		var rejected []int
		for i, line := range Dump(b) {
			if strings.Contains(line, text) {
				rejected = append(rejected, i)
			}
		}
		if rejected == nil {
			return nil
		}
		return &sdk.PartialError{Rejected: rejected, Err: err}
	}
}

// Stage is a [sdk.Processor] and [sdk.Flusher] made of two functions, either of which may be nil. They
// may panic.
type Stage struct {
	Do      func(ctx context.Context, b *sdk.Batch) error
	DoFlush func(ctx context.Context, now time.Time, final bool, b *sdk.Batch) error

	OpenErrs []error // of the first calls of Open; later ones succeed
	Lifecycle
}

// Open counts the call and returns the next of OpenErrs.
func (s *Stage) Open(context.Context, *sdk.Env) error { return s.open(s.OpenErrs) }

// Close counts the call.
func (s *Stage) Close() error { return s.close() }

// Process calls Do.
func (s *Stage) Process(ctx context.Context, b *sdk.Batch) error {
	if s.Do == nil {
		return nil
	}
	return s.Do(ctx, b)
}

// Flush calls DoFlush.
func (s *Stage) Flush(ctx context.Context, now time.Time, final bool, b *sdk.Batch) error {
	if s.DoFlush == nil {
		return nil
	}
	return s.DoFlush(ctx, now, final, b)
}
