package nvidiasmi

import (
	"bytes"
	"slices"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

// document reads what `nvidia-smi -q -x` prints, GPU by GPU. Its memory is used again for the next one.
type document struct {
	scan   scanner
	path   [maxDepth]*node
	depth  int
	common sheet  // what stands above the GPUs: the versions of driver and CUDA
	sheet  *sheet // that the element at hand belongs to: common, a GPU's or an instance's
	copies []byte
	absent []int // indexes of GPUs that the document leaves out, as a message says
	gaps   bool  // it leaves out others, too: nobody's index is known

	// Of the GPU that next has read:
	position  int // among all GPUs of the host, which is its index
	id        identity
	gpu       sheet
	instances []instance // of MIG
	processes []process
}

// identity names a GPU. Its parts are nil where they are unknown, or lost.
type identity struct{ index, uuid, name, bus []byte }

type instance struct {
	gi, ci []byte
	sheet  sheet
}

type process struct {
	pid, kind, name, gi, ci []byte
	memory                  []byte
}

const maxDepth = 16 // of what the tree wants; other elements are skipped

func (d *document) reset(data []byte) {
	d.scan.reset(data)
	d.common.reset()
	d.path[0], d.depth, d.position = tree, 0, -1
	d.copies = d.copies[:0]
	d.survey(data)
}

// survey finds out which GPUs the document leaves out though they have an index.
func (d *document) survey(data []byte) {
	d.absent = d.absent[:0]
	for _, u := range unreadables(data) {
		if u.index >= 0 && !slices.Contains(d.absent, u.index) {
			d.absent = append(d.absent, u.index)
		}
	}
	_, attached, _ := bytes.Cut(data, []byte("<attached_gpus>"))
	attached, _, _ = bytes.Cut(attached, []byte("<"))
	n, _ := decimal.Parse(attached)
	d.gaps = int(n) > bytes.Count(data, []byte("<gpu "))+len(d.absent) && d.sawLog()
}

// next reads up to the end of the next GPU. It returns false at the end of the document; an error says
// that it is not whole, and that GPUs may be missing.
func (d *document) next() (bool, error) {
	d.sheet = &d.common
	for {
		tag, err := d.scan.next()
		if err != nil {
			return false, d.scan.errorf("read the document: %w", err)
		}
		switch tag {
		case tagEnd:
			if d.depth > 0 || d.position < 0 && !d.sawLog() {
				return false, d.scan.errorf("read the document: %w", errTruncated)
			}
			return false, nil
		case tagOpen:
			n := d.path[d.depth].child(d.scan.name)
			if n == nil || d.depth+1 == maxDepth {
				if d.depth == 0 {
					continue // a message before the document
				}
				if err := d.scan.skip(); err != nil {
					return false, d.scan.errorf("read the document: %w", err)
				}
				continue
			}
			d.depth++
			d.path[d.depth] = n
			d.opened(n)
		case tagClose:
			if d.depth == 0 {
				continue
			}
			n := d.path[d.depth]
			d.depth--
			if n.role == roleGPU {
				return true, nil
			}
			d.closed(n)
		}
	}
}

// opened prepares what stands in an element that begins.
func (d *document) opened(n *node) {
	switch n.role {
	case roleGPU:
		d.begin()
		d.sheet = &d.gpu
	case roleInstance:
		d.instances = extend(d.instances)
		i := &d.instances[len(d.instances)-1]
		i.gi, i.ci = nil, nil
		i.sheet.reset()
		d.sheet = &i.sheet
	case roleProcess:
		d.processes = append(d.processes, process{})
	}
}

// closed takes the text of an element that has ended.
func (d *document) closed(n *node) {
	switch n.role {
	case roleNone, roleReasons:
		if len(n.children) > 0 && d.depth > 1 && isLost(d.scan.text) {
			d.sheet.lost = true // instead of children
		}
	case roleInstance:
		d.sheet = &d.gpu
	case roleProcess:
	case roleReading:
		d.sheet.put(n.slot, n.rank, n.sum, d.keep(), nil)
	case roleReason:
		d.reason(d.sheet, n.bit)
	default:
		d.identify(n.role)
	}
}

// sawLog reports whether the document has ended as one, though it lists no GPU.
func (d *document) sawLog() bool { return bytes.Contains(d.scan.data, []byte("</nvidia_smi_log")) }

func (d *document) begin() {
	d.position++
	for slices.Contains(d.absent, d.position) {
		d.position++
	}
	d.gpu.reset()
	for slot := range readings {
		if d.common.have.has(slot) {
			d.gpu.have.add(slot)
			d.gpu.text[slot], d.gpu.number[slot], d.gpu.rank[slot] = d.common.text[slot], d.common.number[slot], 0
		}
	}
	d.id = identity{bus: d.scan.attribute("id")}
	d.instances, d.processes = d.instances[:0], d.processes[:0]
}

// extend lengthens the list by one and keeps the memory of what stood there.
func extend(list []instance) []instance {
	if len(list) < cap(list) {
		return list[:len(list)+1]
	}
	return append(list, instance{})
}

// keep returns the element's text, which stays valid with the document.
func (d *document) keep() []byte {
	text := d.scan.text
	if len(d.scan.scratch) == 0 {
		return text
	}
	start := len(d.copies)
	d.copies = append(d.copies, text...)
	return d.copies[start:len(d.copies):len(d.copies)]
}

// reason adds a bit to throttle_reasons. Where the driver says of no reason whether it is active, the
// reading stays absent.
func (d *document) reason(s *sheet, bit uint64) {
	switch text := bytes.TrimSpace(d.scan.text); string(text) {
	case "Active":
		s.set(slotReasons, float64(s.mask()|bit))
	case "Not Active":
		s.set(slotReasons, float64(s.mask()))
	default:
		s.lost = s.lost || isLost(text)
	}
}

func (s *sheet) mask() uint64 {
	if !s.have.has(slotReasons) {
		return 0
	}
	return uint64(s.number[slotReasons])
}

func (d *document) identify(r role) {
	text, ok := word(d.keep())
	if !ok {
		ofGPU := r == roleName || r == roleUUID || r == roleBus
		d.gpu.lost = d.gpu.lost || ofGPU && isLost(d.scan.text)
		return
	}
	switch r {
	case roleName:
		d.id.name = text
		return
	case roleUUID:
		d.id.uuid = text
		return
	case roleBus:
		d.id.bus = text
		return
	}
	if in := d.path[d.depth]; in.role == roleInstance {
		i := &d.instances[len(d.instances)-1]
		switch r {
		case roleGI:
			i.gi = text
		case roleCI:
			i.ci = text
		}
		return
	}
	p := &d.processes[len(d.processes)-1]
	switch r {
	case rolePID:
		p.pid = text
	case roleType:
		p.kind = text
	case roleProcessName:
		p.name = text
	case roleProcessMemory:
		p.memory = text
	case roleGI:
		p.gi = text
	case roleCI:
		p.ci = text
	}
}
