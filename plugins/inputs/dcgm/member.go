package dcgm

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// memberKind is a kind of entity that dcgmi dmon has rows of.
type memberKind uint8

const (
	wholeGPU memberKind = iota
	gpuInstance
	computeInstance
)

// memberKinds are what the first word of a row is, and how -i calls an entity.
var memberKinds = [...]struct{ word, option string }{{"GPU", ""}, {"GPU-I", "i:"}, {"GPU-CI", "ci:"}}

// member is an entity by its kind, and DCGM's number among those of its kind.
type member struct {
	kind   memberKind
	number int
}

// members are the entities that a hostengine has, and who they are.
type members map[member]identity

// option returns the argument of -i that asks for all of them, or "" where there are GPUs alone, which are asked
// for unless something else is.
func (all members) option() string {
	var list []member
	cut := false
	for m := range all {
		list = append(list, m)
		cut = cut || m.kind != wholeGPU
	}
	if !cut {
		return ""
	}
	slices.SortFunc(list, func(a, b member) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.number, b.number)) })
	words := make([]string, len(list))
	for i, m := range list {
		words[i] = memberKinds[m.kind].option + strconv.Itoa(m.number)
	}
	return strings.Join(words, ",")
}

// addInstances adds the MIG instances that the table of dcgmi discovery -c lists. One whose compute instance is the
// only one bears the numbers of both, as it does elsewhere; of others each is an entity of its own:
//
//	+-------------------+--------------------------------------------------------------------+
//	| Instance Hierarchy                                                                     |
//	+===================+====================================================================+
//	| GPU 0             | GPU GPU-01000100-0000-0000-0000-000000000000 (EntityID: 0)         |
//	| -> I 0/1          | GPU Instance (EntityID: 3)                                         |
//	|    -> CI 0/1/0    | Compute Instance (EntityID: 3)                                     |
//	+-------------------+--------------------------------------------------------------------+
func (all members) addInstances(table []byte) {
	gpu, instance := member{number: -1}, member{number: -1}
	computes := make(map[member][]member)
	ids := make(members)
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 {
			continue
		}
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(cells[1]), "->"))
		_, text, ok := strings.Cut(cells[2], "(EntityID: ")
		text, _, closed := strings.Cut(text, ")")
		number, err := strconv.Atoi(text)
		if len(words) != 2 || !ok || !closed || err != nil {
			continue
		}
		places := strings.Split(words[1], "/")
		switch {
		case words[0] == "GPU":
			gpu = member{wholeGPU, number}
		case words[0] == "I" && len(places) == 2:
			instance = member{gpuInstance, number}
			if id, known := all[gpu]; known {
				id.gi = places[1]
				ids[instance] = id
			}
		case words[0] == "CI" && len(places) == 3:
			if id, known := ids[instance]; known {
				m := member{computeInstance, number}
				id.ci = places[2]
				ids[m] = id
				computes[instance] = append(computes[instance], m)
			}
		}
	}
	for m, own := range computes {
		if len(own) == 1 {
			ids[m] = ids[own[0]]
			delete(ids, own[0])
		}
	}
	maps.Copy(all, ids)
}
