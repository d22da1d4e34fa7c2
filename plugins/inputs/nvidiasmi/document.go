package nvidiasmi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gpuline/gpuline/plugins/inputs/internal/decimal"
)

// document reads what `nvidia-smi -q -x` prints, GPU by GPU. Its memory is used again for the next one.
type document struct {
	data   []byte
	xml    *xml.Decoder
	text   []byte // since the last tag
	path   [maxDepth]*node
	depth  int
	skips  int    // depth within an element that nobody wants
	common sheet  // what stands above the GPUs: the versions of driver and CUDA
	into   *sheet // of the element at hand
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
	d.data = data
	d.xml = xml.NewDecoder(bytes.NewReader(bytes.Map(legal, data)))
	d.xml.Strict = false
	d.common.reset()
	d.path[0], d.depth, d.skips, d.position = tree, 0, 0, -1
	d.text, d.copies = d.text[:0], d.copies[:0]
	d.survey(data)
}

// legal replaces characters for which encoding/xml would refuse the rest of the document. A process may have them in
// its name.
func legal(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
		return ' '
	}
	return r
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
	d.into = &d.common
	for {
		token, err := d.xml.RawToken()
		if errors.Is(err, io.EOF) {
			if d.depth == 0 && (d.position >= 0 || d.sawLog()) {
				return false, nil
			}
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return false, fmt.Errorf("read the document: it ends too early, or is damaged: %w", err)
		}
		switch token := token.(type) {
		case xml.CharData:
			d.text = append(d.text, token...)
		case xml.StartElement:
			d.open(&token)
			d.text = d.text[:0]
		case xml.EndElement:
			whole := d.close()
			d.text = d.text[:0]
			if whole {
				return true, nil
			}
		}
	}
}

func (d *document) open(e *xml.StartElement) {
	if d.skips > 0 {
		d.skips++
		return
	}
	n := d.path[d.depth].child(e.Name.Local)
	if n == nil || d.depth+1 == maxDepth {
		if d.depth > 0 { // else it is a message before the document
			d.skips = 1
		}
		return
	}
	d.depth++
	d.path[d.depth] = n
	switch n.role {
	case roleGPU:
		d.begin(e.Attr)
	case roleInstance:
		d.instances = extend(d.instances)
		i := &d.instances[len(d.instances)-1]
		i.gi, i.ci = nil, nil
		i.sheet.reset()
		d.into = &i.sheet
	case roleProcess:
		d.processes = append(d.processes, process{})
	}
}

// close ends an element, and reports whether that was a GPU.
func (d *document) close() (gpu bool) {
	switch {
	case d.skips > 0:
		d.skips--
		return false
	case d.depth == 0:
		return false
	}
	n := d.path[d.depth]
	d.depth--
	switch n.role {
	case roleNone, roleReasons:
		if len(n.children) > 0 && d.depth > 1 && isLost(d.text) {
			d.into.lost = true // instead of children
		}
	case roleInstance:
		d.into = &d.gpu
	case roleGPU, roleProcess:
	case roleReading:
		d.into.put(n.slot, n.rank, n.sum, d.keep(), nil)
	case roleReason:
		d.reason(n.bit)
	default:
		d.identify(n.role)
	}
	return n.role == roleGPU
}

// sawLog reports whether the document has ended as one, though it lists no GPU.
func (d *document) sawLog() bool { return bytes.Contains(d.data, []byte("</nvidia_smi_log")) }

func (d *document) begin(attributes []xml.Attr) {
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
	d.id = identity{}
	for _, a := range attributes {
		if a.Name.Local == "id" {
			d.id.bus = []byte(a.Value)
		}
	}
	d.into = &d.gpu
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
	start := len(d.copies)
	d.copies = append(d.copies, d.text...)
	return d.copies[start:len(d.copies):len(d.copies)]
}

// reason adds a bit to throttle_reasons. Where the driver says of no reason whether it is active, the
// reading stays absent.
func (d *document) reason(bit uint64) {
	s := d.into
	switch text := bytes.TrimSpace(d.text); string(text) {
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
		d.gpu.lost = d.gpu.lost || ofGPU && isLost(d.text)
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
