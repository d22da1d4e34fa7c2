package queue

import (
	"path/filepath"
)

// Canonical returns the one name of a folder, that may not be there yet, by which two ways to write it are
// seen to be one: clean, absolute, and without links where they can be followed.
func Canonical(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	rest := ""
	for at := path; ; {
		if found, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(found, rest)
		}
		parent := filepath.Dir(at)
		if parent == at {
			return path
		}
		rest, at = filepath.Join(filepath.Base(at), rest), parent
	}
}
