package nvml

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// selector tells the GPUs that the operator wants. The zero selector wants all.
type selector struct{ all []string }

func newSelector(devices []string) (selector, error) {
	for _, d := range devices {
		if d == "" {
			return selector{}, fmt.Errorf("an empty text names no GPU")
		}
		if _, err := path.Match(d, ""); err != nil {
			return selector{}, fmt.Errorf("%q is no glob: %w", d, err)
		}
	}
	return selector{devices}, nil
}

// wants reports whether a GPU is one of those. A number is an index, "GPU-…" a UUID, what has a colon a
// PCI bus id whose domain may be short or left out; everything else is a glob of the name.
func (s selector) wants(id *identity) bool {
	return len(s.all) == 0 || slices.ContainsFunc(s.all, func(want string) bool {
		if _, err := strconv.ParseUint(want, 10, 16); err == nil {
			return want == id.index
		}
		switch {
		case strings.HasPrefix(want, "GPU-"):
			return strings.EqualFold(want, id.uuid)
		case strings.Count(want, ":") > 0:
			return sameBus(want, id.bus)
		}
		ok, _ := path.Match(strings.ToLower(want), strings.ToLower(id.name))
		return ok
	})
}

// identity says which GPU it is. The UUID is what it is known by: an index changes when a card is lost.
type identity struct{ uuid, index, name, bus string }

// sameBus compares PCI bus ids, whose domains have eight digits, four or none.
func sameBus(a, b string) bool {
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
