// Package selector tells which GPUs an operator wants to be read: the key `devices` of inputs.
package selector

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Selector tells the GPUs that the operator wants. The zero Selector wants all.
type Selector struct{ all []string }

// New returns the selector of a list. An error says which element names no GPU, and why.
func New(devices []string) (Selector, error) {
	for _, d := range devices {
		if d == "" {
			return Selector{}, fmt.Errorf("an empty text names no GPU")
		}
		if _, err := path.Match(d, ""); err != nil {
			return Selector{}, fmt.Errorf("%q is no glob: %w", d, err)
		}
	}
	return Selector{devices}, nil
}

// Remedy says what the elements of a list may be.
const Remedy = `write an index ("0"), a UUID ("GPU-…"), a PCI bus id ("00000000:3b:00.0") or a glob of the name ("*H100*")`

// Wants reports whether a GPU is one of those. A number is an index, "GPU-…" a UUID, what has a colon a
// PCI bus id whose domain may be short or left out; everything else is a glob of the name.
func (s Selector) Wants(g GPU) bool {
	return len(s.all) == 0 || slices.ContainsFunc(s.all, func(want string) bool {
		if _, err := strconv.ParseUint(want, 10, 16); err == nil {
			return want == g.Index
		}
		switch {
		case strings.HasPrefix(want, "GPU-"):
			return strings.EqualFold(want, g.UUID)
		case strings.Count(want, ":") > 0:
			return SameBus(want, g.Bus)
		}
		ok, _ := path.Match(strings.ToLower(want), strings.ToLower(g.Name))
		return ok
	})
}

// GPU says which GPU it is. The UUID is what it is known by: an index changes when a card is lost.
type GPU struct{ UUID, Index, Name, Bus string }

// SameBus compares PCI bus ids, whose domains have eight digits, four or none. An empty one is no other's.
func SameBus(a, b string) bool {
	return a != "" && strings.EqualFold(shortBus(a), shortBus(b))
}

func shortBus(id string) string {
	if strings.Count(id, ":") < 2 {
		return id
	}
	domain, rest, _ := strings.Cut(id, ":")
	if domain = strings.TrimLeft(domain, "0"); domain == "" {
		return rest
	}
	return domain + ":" + rest
}
