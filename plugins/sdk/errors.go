package sdk

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNoData is returned by an input that has nothing to report now. It is no fault.
	ErrNoData = errors.New("no data")

	// ErrPermanent says that trying again is useless: a wrong option, a missing right. See [Permanent].
	ErrPermanent = errors.New("permanent")

	// ErrEnd is returned by an input that has come to its end, and by an output that nobody will ever take
	// anything from again. The agent ends with its last input, and with its last output.
	ErrEnd = errors.New("end")
)

// Permanent marks err as [ErrPermanent]. It reads as err does.
func Permanent(err error) error { return &marked{err, ErrPermanent} }

// Ended marks err as [ErrEnd]: why it is the end. It reads as err does.
func Ended(err error) error { return &marked{err, ErrEnd} }

type marked struct{ err, mark error }

func (m *marked) Error() string   { return m.err.Error() }
func (m *marked) Unwrap() []error { return []error{m.err, m.mark} }

// PartialError is returned by an Output that delivered all of a batch but some rows.
type PartialError struct {
	Rejected     []int // positions in the order of Batch.All
	DeadLettered bool  // the output has put them aside itself
	Err          error // why, of the first
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("%d metrics rejected: %v", len(e.Rejected), e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// RetryError is returned by an Output that was told when to try again.
type RetryError struct {
	After time.Duration
	Err   error
}

func (e *RetryError) Error() string { return fmt.Sprintf("retry in %v: %v", e.After, e.Err) }
func (e *RetryError) Unwrap() error { return e.Err }
