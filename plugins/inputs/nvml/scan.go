//go:build cgo

package nvml

import (
	"errors"
	"slices"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
)

// scan lists the driver's GPUs. It is a job of the rota, since the driver may hang in it, too.
type scan struct {
	*session
	only  selector.Selector
	known []*device // that it was told of

	found []found // the GPUs that are there and wanted
	total int     // GPUs of the host
	err   error   // of those that could not be identified, or of all
}

// found is a GPU that a scan has met: one that is known, or a new one.
type found struct {
	*device
	handle nvml.Device
}

func (s *scan) run(int64) {
	s.found, s.err = nil, nil
	n, err := s.lib.count()
	if err != nil {
		s.err = err
		return
	}
	s.total = n
	var errs []error
	for index := range n {
		handle, id, err := s.lib.identify(index)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !s.only.Wants(id) {
			continue
		}
		if i := slices.IndexFunc(s.known, func(d *device) bool { return d.id == id && d.session == s.session }); i >= 0 {
			s.found = append(s.found, found{s.known[i], handle})
			continue
		}
		s.found = append(s.found, found{newDevice(s.session, handle, id), handle})
	}
	s.err = errors.Join(errs...)
}

// scanInterval is how often GPUs are looked for that have come or gone.
const scanInterval = 5 * time.Second

// meet takes over what a scan has found. A GPU whose call hangs stays as it is: its goroutine owns it.
func (m *monitor) meet(s *scan) {
	if len(s.found) == 0 && s.err != nil {
		return // the driver did not answer: the calls of the GPUs will tell
	}
	var next []*device
	for _, f := range s.found {
		if !m.hangs(f.device) {
			f.device.handle = f.handle
			f.missing = false // its next run asks whether it answers
		}
		next = append(next, f.device)
	}
	for _, d := range m.devices {
		if slices.Contains(next, d) {
			continue
		}
		if i := slices.IndexFunc(next, func(n *device) bool { return known(n.id) == known(d.id) }); i >= 0 && !m.hangs(d) {
			next[i].adopt(d) // it has another index now
			continue
		}
		if !m.hangs(d) && !d.missing {
			d.missing = true
			d.lose("the driver does not list the GPU any more")
		}
		next = append(next, d)
	}
	if !slices.Equal(next, m.devices) {
		m.devices = next
		m.admitted()
	}
}

// admitted prepares for GPUs that are new.
func (m *monitor) admitted() {
	m.jobs = m.jobs[:0]
	for i, d := range m.devices {
		m.jobs = append(m.jobs, d)
		if !m.hangs(d) {
			d.shift = m.session.tiers.slow * time.Duration(i) / time.Duration(len(m.devices))
		}
	}
	for m.enlist(); m.watch.spoilt; m.enlist() {
		m.watch = m.watch.again(m.session.lib)
	}
	m.watch.begin()
}

// enlist adds the GPUs that are not watched yet to the watch.
func (m *monitor) enlist() {
	for _, d := range m.devices {
		if !m.hangs(d) {
			m.watch.register(d)
		}
	}
}
