//go:build cgo

package nvml

import (
	"errors"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
)

// scan lists the driver's GPUs. It is a job of the rota, since the driver may hang in it, too.
type scan struct {
	*session
	only  selector.Selector
	known []*device // that it was told of

	devices []*device // those that are there and wanted: known ones, and new ones
	total   int       // GPUs of the host
	err     error     // of those that could not be identified, or of all
}

func (s *scan) run(int64) {
	s.devices, s.err = nil, nil
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
		if i := slices.IndexFunc(s.known, func(d *device) bool { return d.id == id }); i >= 0 {
			s.devices = append(s.devices, s.known[i])
			continue
		}
		s.devices = append(s.devices, newDevice(s.session, handle, id))
	}
	s.err = errors.Join(errs...)
}

// scanInterval is how often GPUs are looked for that have come or gone.
const scanInterval = 5 * time.Second

// meet takes over what a scan has found.
func (m *monitor) meet(s *scan) {
	if len(s.devices) == 0 && s.err != nil {
		return // the driver did not answer: the calls of the GPUs will tell
	}
	next := slices.Clone(s.devices)
	for _, d := range m.devices {
		if slices.Contains(next, d) {
			continue
		}
		i := slices.IndexFunc(next, func(n *device) bool { return n.id.UUID == d.id.UUID })
		switch {
		case i >= 0: // it has another index now
			next[i].adopt(d)
			continue
		case !d.missing && !d.lost && !m.hangs(d):
			d.missing = true
			d.lose("the driver does not list the GPU any more")
		case !m.hangs(d):
			d.missing = true
		}
		next = append(next, d)
	}
	for _, d := range s.devices {
		if !m.hangs(d) && d.missing {
			d.missing = false // its next run asks whether it answers
		}
	}
	fresh := !slices.Equal(next, m.devices)
	m.devices = next
	if fresh {
		m.admitted()
	}
}

// admitted prepares GPUs that are new.
func (m *monitor) admitted() {
	for i, d := range m.devices {
		d.shift = m.session.tiers.slow * time.Duration(i) / time.Duration(len(m.devices))
	}
	m.jobs = m.jobs[:0]
	for _, d := range m.devices {
		m.jobs = append(m.jobs, d)
	}
	m.watch.register(m.devices)
}
