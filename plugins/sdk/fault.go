package sdk

import (
	"errors"
	"strings"
)

// Fault is something wrong with a configuration. It is an error, so that a [Validator] can return it.
type Fault struct {
	Path    []string // the key, from the plugin's table down; an index of a list is "0", "1", …
	Problem string   // "is not a duration", "unknown key"; it never quotes a value that may be secret
	Remedy  string   // "write it as \"10s\"", "did you mean `interval`?"; may be ""
}

// Error returns the fault as one line.
func (f Fault) Error() string {
	s := f.Problem
	if len(f.Path) > 0 {
		s = "`" + strings.Join(f.Path, ".") + "`: " + s
	}
	if f.Remedy != "" {
		s += ": " + f.Remedy
	}
	return s
}

// FaultList collects what a [Validator] finds. Errors of other kinds, such as those of an embedded struct's Validate,
// may be appended to it.
type FaultList []error

// Add appends the fault of a key, which path leads to. The remedy may be "".
func (l *FaultList) Add(problem, remedy string, path ...string) {
	*l = append(*l, Fault{Path: path, Problem: problem, Remedy: remedy})
}

// Err joins what was found; nil stands for nothing.
func (l FaultList) Err() error { return errors.Join(l...) }

// Faults takes an error of a [Validator] or of a constructor apart: what errors.Join joined, and the
// [Fault] in each part. An error that holds no Fault becomes one without a path; text that wraps a Fault
// becomes part of its problem.
func Faults(err error) []Fault {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts := joined.Unwrap()
		texts := make([]string, len(parts))
		var faults []Fault
		for i, part := range parts {
			texts[i] = part.Error()
			faults = append(faults, Faults(part)...)
		}
		if strings.Join(texts, "\n") == err.Error() {
			return faults
		}
	}
	f, ok := errors.AsType[Fault](err)
	if !ok {
		return []Fault{{Problem: err.Error()}}
	}
	if prefix, ok := strings.CutSuffix(err.Error(), f.Error()); ok {
		f.Problem = prefix + f.Problem
		return []Fault{f}
	}
	return []Fault{{Path: f.Path, Problem: err.Error()}}
}
