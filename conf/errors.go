package conf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one fault of a configuration.
type Error struct {
	File    string
	Line    int    // 0 where it concerns no line
	Heading string // such as "[[inputs.nvidia_smi]]"; "" for what stands outside of tables
	Key     string // from the heading down; "" where the fault is not one key's
	Problem string
	Remedy  string // "" where none is known
}

// Error returns one line: `agent.toml:12: unknown key `intervall` in [[inputs.nvml]]: did you mean
// `interval`?`.
func (e Error) Error() string {
	var parts []string
	switch {
	case e.File != "" && e.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d", e.File, e.Line))
	case e.File != "":
		parts = append(parts, e.File)
	}
	subject := e.Heading
	if e.Key != "" {
		if subject = "`" + e.Key + "`"; e.Heading != "" {
			subject += " in " + e.Heading
		}
	}
	if e.Key != "" && e.Problem == unknownKey {
		parts = append(parts, e.Problem+" "+subject)
	} else {
		if subject != "" {
			parts = append(parts, subject)
		}
		parts = append(parts, e.Problem)
	}
	if e.Remedy != "" {
		parts = append(parts, e.Remedy)
	}
	return oneLine(strings.Join(parts, ": "))
}

const unknownKey = "unknown key" // as sdk.UnknownKey says it

// oneLine replaces what would break a message into lines or would upset a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.TrimSpace(s))
}

// Errors are all faults of a configuration, sorted by file and line.
type Errors []Error

// Error returns a line for each fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults one by one.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// sorted returns the faults in order of file, line and text, each once.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Error(), b.Error()))
	})
	return slices.Compact(e)
}
