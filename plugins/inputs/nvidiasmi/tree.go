package nvidiasmi

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// node is an element of a document that is wanted here. It is known by its whole path, since names such as sm_clock
// and average_power_draw occur below several parents. The version of the document's DTD is not looked at: what is
// there is read.
type node struct {
	children map[string]*node
	prefixes []prefix
	role     role
	bit      uint64 // of roleReason

	// Of roleReading; see [sheet.put]:
	slot int
	rank uint8
	sum  bool
}

type prefix struct {
	name string
	node *node
}

// role says what an element is for.
type role uint8

const (
	roleNone role = iota
	roleReading
	roleGPU
	roleInstance // of MIG
	roleProcess
	roleReasons
	roleReason
	roleName
	roleUUID
	roleBus
	roleGI
	roleCI
	rolePID
	roleType
	roleProcessName
	roleProcessMemory
)

var tree = grow()

// grow makes the tree from the paths in the vocabulary, and what else is read of a document.
func grow() *node {
	root, gpu := new(node), new(node)
	log := root.at("nvidia_smi_log")
	log.children = map[string]*node{"gpu": gpu}
	gpu.role = roleGPU
	for slot := range readings {
		if metric := readings[slot].Metric; metric == vocabulary.GPU || metric == vocabulary.Info {
			plant(log, gpu, slot)
		}
	}
	gpu.roles(map[string]role{"uuid": roleUUID, "product_name": roleName, "pci/pci_bus_id": roleBus})

	instance := gpu.at("mig_devices/mig_device")
	instance.role = roleInstance
	instance.roles(map[string]role{"gpu_instance_id": roleGI, "compute_instance_id": roleCI})
	for _, shared := range []string{"fb_memory_usage", "bar1_memory_usage", "ecc_errors"} {
		instance.children[shared] = gpu.children[shared]
	}
	ecc := instance.at("ecc_error_count/volatile_count/sram_uncorrectable")
	ecc.role, ecc.slot = roleReading, slotECC

	process := gpu.at("processes/process_info")
	process.role = roleProcess
	process.roles(map[string]role{
		"pid": rolePID, "type": roleType, "process_name": roleProcessName, "used_memory": roleProcessMemory,
		"gpu_instance_id": roleGI, "compute_instance_id": roleCI,
	})
	return root
}

// plant adds the elements of a reading: below gpu or, where its path begins with "../", below log.
func plant(log, gpu *node, slot int) {
	for rank, path := range alternatives(readings[slot].XML) {
		base := gpu
		if rest, up := strings.CutPrefix(path, "../"); up {
			base, path = log, rest
		}
		if slot == slotReasons {
			base.at(path).reasons()
			continue
		}
		names := expand(path)
		for _, name := range names {
			leaf := base.at(name)
			leaf.role, leaf.slot, leaf.rank = roleReading, slot, uint8(rank)
			leaf.sum = len(names) > 1 || strings.HasSuffix(name, "*")
		}
	}
}

// roles gives elements below n their roles, by their paths.
func (n *node) roles(all map[string]role) {
	for path, role := range all {
		n.at(path).role = role
	}
}

// at returns the node at a path below n, and makes it where there is none. A last element that ends in
// "*" stands for all whose names begin so.
func (n *node) at(path string) *node {
	for name := range strings.SplitSeq(path, "/") {
		if start, ok := strings.CutSuffix(name, "*"); ok {
			next := new(node)
			n.prefixes = append(n.prefixes, prefix{start, next})
			return next
		}
		next := n.children[name]
		if next == nil {
			next = new(node)
			if n.children == nil {
				n.children = make(map[string]*node)
			}
			n.children[name] = next
		}
		n = next
	}
	return n
}

// child returns the node of an element, or nil where nobody wants it.
func (n *node) child(name []byte) *node {
	if c := n.children[string(name)]; c != nil {
		return c
	}
	for i := range n.prefixes {
		if p := &n.prefixes[i]; len(name) >= len(p.name) && string(name[:len(p.name)]) == p.name {
			return p.node
		}
	}
	return nil
}

// reasons makes n the parent of throttle reasons, an element each.
func (n *node) reasons() {
	n.role = roleReasons
	for name, bit := range reasonBits {
		for _, start := range []string{"clocks_event_reason_", "clocks_throttle_reason_"} {
			leaf := n.at(start + name)
			leaf.role, leaf.bit = roleReason, bit
		}
	}
}

// alternatives splits "new/path, old/path", where a comma may also stand within braces.
func alternatives(paths string) []string {
	if paths == "" {
		return nil
	}
	return strings.Split(paths, ", ")
}

// expand turns "a/{b,c}_d" into "a/b_d" and "a/c_d": elements that are added up.
func expand(path string) []string {
	open, end := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
	if open < 0 || end < open {
		return []string{path}
	}
	var all []string
	for part := range strings.SplitSeq(path[open+1:end], ",") {
		all = append(all, path[:open]+part+path[end+1:])
	}
	return all
}
