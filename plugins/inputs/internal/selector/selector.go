// Package selector tells which GPUs an operator wants to be read: the key `devices` of inputs.
package selector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Selector tells the GPUs that the operator wants. The zero Selector wants all.
type Selector struct{ wanted, unwanted []string }

// New returns the selector of a list. An error says which element names no GPU, and why.
func New(devices []string) (Selector, error) {
	var s Selector
	for _, d := range devices {
		switch rest, not := strings.CutPrefix(d, "!"); {
		case rest == "":
			return Selector{}, fmt.Errorf("%q names no GPU", d)
		case not:
			s.unwanted = append(s.unwanted, rest)
		default:
			s.wanted = append(s.wanted, d)
		}
	}
	return s, nil
}

// Remedy says what the elements of a list may be.
const Remedy = `write an index ("0"), a UUID ("GPU-…"), a PCI bus id ("00000000:3b:00.0") or a glob of the name ("*H100*"), with "!" before it for all others`

// Wants reports whether a GPU is one of those, and none of what stands behind an exclamation mark. A number is an
// index, "GPU-…" a UUID, what has a colon a PCI bus id whose domain may be short or left out; everything else is a glob
// of the name.
func (s Selector) Wants(g GPU) bool {
	return (len(s.wanted) == 0 || slices.ContainsFunc(s.wanted, g.is)) && !slices.ContainsFunc(s.unwanted, g.is)
}

func (g GPU) is(named string) bool {
	if _, err := strconv.ParseUint(named, 10, 16); err == nil {
		return named == g.Index
	}
	switch {
	case strings.HasPrefix(named, "GPU-"):
		return strings.EqualFold(named, g.UUID)
	case strings.Contains(named, ":"):
		return SameBus(named, g.Bus)
	}
	return sdk.Match(strings.ToLower(named), strings.ToLower(g.Name))
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
