package sdk

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
)

func TestMarks(t *testing.T) {
	f := func(err error, text string, marks ...error) {
		t.Helper()
		if err.Error() != text {
			t.Errorf("it reads %q, want %q", err, text)
		}
		for _, mark := range []error{io.EOF, ErrPermanent, ErrEnd} {
			if want := slices.Contains(marks, mark); errors.Is(err, mark) != want {
				t.Errorf("%q is %q: %v", err, mark, !want)
			}
		}
	}
	f(Permanent(io.EOF), "EOF", io.EOF, ErrPermanent)
	f(Ended(fmt.Errorf("write: %w", io.EOF)), "write: EOF", io.EOF, ErrEnd)
	f(fmt.Errorf("open x: %w", Permanent(io.EOF)), "open x: EOF", io.EOF, ErrPermanent)
}
