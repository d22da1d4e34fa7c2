package conf

import (
	"slices"

	"github.com/BurntSushi/toml"
)

// positions maps the path of each key and each element of a list to its line.
type positions map[string]int

// locate pairs what scan found in a document with the library's keys. Where they differ it trusts
// nothing that follows, so that a message bears the line of a table above rather than a wrong one.
func locate(entries []entry, keys []toml.Key) positions {
	lines := make(positions)
	for _, e := range entries {
		if e.key != nil {
			if len(keys) == 0 || !equal(e.key, keys[0]) {
				break
			}
			keys = keys[1:]
		}
		for n := len(e.path); n > 0; n-- { // tables that are only implied begin where they are first named
			id := pathID(e.path[:n])
			if _, known := lines[id]; known {
				break
			}
			lines[id] = e.line
		}
	}
	return lines
}

// line returns the line of the path or of the nearest table above it that has one, or 0.
func (p positions) line(path []string) int {
	for n := len(path); n > 0; n-- {
		if line, ok := p[pathID(path[:n])]; ok {
			return line
		}
	}
	return 0
}

func pathID(path []string) string { return toml.Key(path).String() }

func equal(a []string, b toml.Key) bool { return slices.Equal(a, []string(b)) }
