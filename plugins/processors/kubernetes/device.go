package kubernetes

import (
	"strconv"
	"strings"
)

// device is what the id of a device names: a GPU, or a MIG instance of one.
type device struct {
	uuid   string // of a GPU, or of a MIG instance; "" where the id says minor
	minor  int    // number of the GPU's device file
	gi, ci int    // of the MIG instance; none where the id is that of a GPU, or does not say
}

const none = -1

var nothing = device{minor: none, gi: none, ci: none}

// parseDevice returns what the id of a device plugin's device names, and whether that is known. Shares of a device
// that is shared name the device.
//
//	GPU-8f6e…            a GPU, by NVIDIA's plugin
//	GPU-8f6e…::3         a share of it: time slicing, MPS
//	MIG-41b3…            a MIG instance, with drivers since 470
//	MIG-GPU-8f6e…/3/0    the same before: GPU instance 3, compute instance 0
//	nvidia0              /dev/nvidia0, by the plugin of GKE
//	nvidia0/gi3          its GPU instance 3
//	nvidia0/gi3/vgpu1    a share of that; so is nvidia0/vgpu1
//
// A plain number is none of these: what plugins for virtual machines register is the number of an IOMMU group.
func parseDevice(id string) (device, bool) {
	d := nothing
	if rest, isFile := strings.CutPrefix(id, "nvidia"); isFile {
		rest = withoutShare(rest, "/vgpu")
		minor, gi, cut := strings.Cut(rest, "/gi")
		if d.minor = number(minor); cut {
			d.gi = number(gi)
		}
		return d, d.minor != none && (!cut || d.gi != none)
	}
	id = withoutShare(id, "::")
	if gpu, isOld := strings.CutPrefix(id, "MIG-GPU-"); isOld {
		parts := strings.Split(gpu, "/")
		if len(parts) != 3 {
			return nothing, false
		}
		d.uuid, d.gi, d.ci = "GPU-"+parts[0], number(parts[1]), number(parts[2])
		return d, isUUID(parts[0]) && d.gi != none && d.ci != none
	}
	for _, prefix := range [...]string{"GPU-", "MIG-"} {
		if rest, ok := strings.CutPrefix(id, prefix); ok {
			d.uuid = id
			return d, isUUID(rest)
		}
	}
	return nothing, false
}

// parseClaimed returns what the name of a device in a claim of NVIDIA's DRA driver names: gpu-0 is /dev/nvidia0. Of a
// MIG instance the name says its place on the GPU, which no reading says; that is not known.
func parseClaimed(name string) (device, bool) {
	d := nothing
	if rest, ok := strings.CutPrefix(name, "gpu-"); ok {
		d.minor = number(rest)
	}
	return d, d.minor != none
}

// withoutShare cuts off which share of a device an id is of.
func withoutShare(id, sign string) string {
	if at := strings.LastIndex(id, sign); at > 0 && number(id[at+len(sign):]) != none {
		return id[:at]
	}
	return id
}

// number returns a small number, or none where s is anything else.
func number(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return none
	}
	return int(n)
}

// isUUID reports whether s may be what stands behind GPU- or MIG-. The shape is not checked: simulated GPUs and some
// virtual ones have UUIDs of their own kind.
func isUUID(s string) bool {
	other := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-'
	}
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, other)
}

// part is a GPU of the stream, or a MIG instance of it.
type part struct {
	gpu    *gpu
	gi, ci int // none for the GPU as a whole; ci, too, where the readings do not tell compute instances apart
}

// gives reports whether whoever has d has the part: a GPU is had with its instances, but not by one of them.
func (d device) gives(p part) bool {
	if strings.HasPrefix(d.uuid, "MIG-") {
		return p.gi != none && p.gpu.migUUID(p.gi, p.ci) == d.uuid
	}
	if d.uuid != "" && d.uuid != p.gpu.uuid || d.uuid == "" && (!p.gpu.local || d.minor != p.gpu.minor) {
		return false
	}
	return d.gi == none || d.gi == p.gi && (d.ci == none || p.ci == none || d.ci == p.ci)
}
