package lineprotocol

import (
	"fmt"
	"strings"
)

// DecodeError says which lines were refused. Everything else was decoded.
type DecodeError struct {
	Count int         // of all refused lines
	Lines []LineError // the first of them, at most 8
}

// LineError says what is wrong with one line.
type LineError struct {
	Line   int // from 1, within the data given to Decode
	Column int // of the first wrong byte, from 1; near it where that is not known
	Err    error
}

const (
	keptErrors   = 8   // so many lines are named, the rest counted
	keptErrorLen = 200 // bytes of a message
)

func (e *DecodeError) Error() string {
	var b strings.Builder
	for i := range e.Lines {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(e.Lines[i].Error())
	}
	if more := e.Count - len(e.Lines); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unwrap returns the errors of the lines that are named.
func (e *DecodeError) Unwrap() []error {
	all := make([]error, len(e.Lines))
	for i := range e.Lines {
		all[i] = &e.Lines[i]
	}
	return all
}

func (e *LineError) Error() string {
	return fmt.Sprintf("line %d:%d: %s", e.Line, e.Column, e.Message())
}

// Message says what is wrong, without the position. It may quote a part of the line.
func (e *LineError) Message() string {
	text := e.Err.Error()
	if len(text) > keptErrorLen {
		text = strings.ToValidUTF8(text[:keptErrorLen], "") + "…"
	}
	return text
}

func (e *LineError) Unwrap() error { return e.Err }

// refuse counts a bad line, and keeps what is wrong with it if it is among the first.
func (d *Decoder) refuse(line, column int, err error) {
	if d.bad == nil {
		d.bad = &DecodeError{}
	}
	d.bad.Count++
	if len(d.bad.Lines) < keptErrors {
		d.bad.Lines = append(d.bad.Lines, LineError{Line: line, Column: column, Err: err})
	}
}
