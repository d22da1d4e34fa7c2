package conf

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// File is a file in TOML that describes something other than an agent, such as tests of rules. Its faults
// are told as those of a configuration are.
type File struct{ doc *document }

// ReadFile reads a file. The error is an [Errors].
func ReadFile(path string) (*File, error) {
	text, err := ReadText(path)
	if err != nil {
		return nil, Errors{{File: path, Problem: err.Error()}}
	}
	d := read(path, text)
	if len(d.errors) > 0 {
		return nil, d.errors.sorted()
	}
	return &File{d}, nil
}

// Configure fills the struct that config points to, as [sdk.Configure] does, from the whole file. A
// reference ${…} stays the text that it is. The error is nil or an [Errors].
func (f *File) Configure(config any) error {
	return f.errors(sdk.Configure(config, f.doc.table))
}

// Locate gives the faults in an error, whose paths start at the top of the file, their places in it. The
// result is nil or an [Errors].
func (f *File) Locate(err error) error { return f.errors(sdk.Faults(err)) }

func (f *File) errors(faults []sdk.Fault) error {
	f.doc.errors = nil
	place{f.doc, nil, "", f.doc.table}.report(nil, faults...)
	if len(f.doc.errors) == 0 {
		return nil
	}
	return slices.Clone(f.doc.errors).sorted()
}

// Where names the place of a key, or of the table above it: "rules.test.toml:12".
func (f *File) Where(path ...string) string { return f.doc.where(path) }
