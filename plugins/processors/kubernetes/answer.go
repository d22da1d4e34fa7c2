package kubernetes

import (
	"cmp"
	"slices"
)

// assignment is a device that a container has been given.
type assignment struct {
	holder
	resource string // or the driver of the claim
	id       string // as the kubelet tells it
	device   device
	known    bool // whether the id says which device
}

// holder is a container.
type holder struct{ namespace, pod, container string }

// answer is what the kubelet has said. Nobody changes it.
type answer struct {
	all []assignment // in order
}

func newAnswer(all []assignment) *answer {
	slices.SortFunc(all, func(a, b assignment) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.pod, b.pod), cmp.Compare(a.container, b.container),
			cmp.Compare(a.resource, b.resource), cmp.Compare(a.id, b.id))
	})
	return &answer{all}
}

// holder returns who alone has a part: a container, or a pod, of which several containers have it. Where several pods
// do there is none: whose a reading is nobody knows then.
func (a *answer) holder(p part) (h holder, ok bool) {
	for i := range a.all {
		one := &a.all[i]
		switch {
		case !one.known || !one.device.gives(p):
		case !ok:
			h, ok = one.holder, true
		case one.namespace != h.namespace || one.pod != h.pod:
			return holder{}, false
		case one.container != h.container:
			h.container = ""
		}
	}
	return h, ok
}
