package nvidiasmi

import (
	"bytes"
	"slices"
)

// properties are the names that the installed nvidia-smi knows in --query-gpu. Names of one group are
// spellings of the same property. The zero properties take every name for known until it is refused:
// that costs nothing with a new driver, and only an older one is asked for its help.
type properties struct {
	groups   map[string]int // from --help-query-gpu; nil where it was not asked, or gave none
	rejected []string
}

// Older names that are properties of their own, and no mere spellings: they may have a value where the
// newer property has none.
var distinct = map[string]int{"power.draw": 1, "pcie.link.gen.current": 1}

// parseHelp reads the output of nvidia-smi --help-query-gpu: lines such as
//
//	"clocks_event_reasons.active" or "clocks_throttle_reasons.active"
func parseHelp(out []byte) *properties {
	p, group := new(properties), 0
	for line := range bytes.Lines(out) {
		names, ok := quotedNames(bytes.TrimSpace(line))
		if !ok {
			continue
		}
		group++
		if p.groups == nil {
			p.groups = make(map[string]int)
		}
		for _, name := range names {
			p.groups[name] = group
		}
	}
	return p
}

// quotedNames splits `"a" or "b"` and reports whether the line is nothing else.
func quotedNames(line []byte) (names []string, ok bool) {
	for part := range bytes.SplitSeq(line, []byte(" or ")) {
		n := len(part)
		if n < 3 || part[0] != '"' || part[n-1] != '"' {
			return nil, false
		}
		name := part[1 : n-1]
		for _, c := range name {
			if c != '.' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return nil, false
			}
		}
		names = append(names, string(name))
	}
	return names, len(names) > 0
}

// find returns the group of a name, and false where the installed nvidia-smi does not know it.
func (p *properties) find(name string) (group int, ok bool) {
	if name == "" || slices.Contains(p.rejected, name) {
		return 0, false
	}
	if p.groups == nil {
		return distinct[name], true
	}
	group, ok = p.groups[name]
	return group, ok
}

// reject notes that nvidia-smi refused a name, and reports whether that is news.
func (p *properties) reject(name string) bool {
	if name == "" || slices.Contains(p.rejected, name) || slices.Contains(identityNames[:], name) {
		return false
	}
	p.rejected = append(p.rejected, name)
	return true
}
