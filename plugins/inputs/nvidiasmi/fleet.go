package nvidiasmi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/inputs/internal/container"
	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// fleet knows the GPUs of the host, by UUID: an index changes when a card is lost. It turns what was read
// into metrics. It belongs to the goroutine that reads or gathers.
//
// What nvidia-smi says comes in rounds: each round names every GPU once. A GPU that two whole rounds did
// not name is lost, like one of which the driver says so.
type fleet struct {
	only      []string // the devices that the operator wants; all where empty
	processes int      // reported for each GPU at most
	proc      string   // where the kernel shows them
	events    vocabulary.Events
	invalid   *sdk.Number

	devices  []*device
	round    int
	closed   bool      // the round has come to its end
	current  []*device // in the order of this round
	sequence []*device // in the order of the last whole round
	failures int       // of nvidia-smi, one after the other
	latest   int64     // time of anything so far

	partial bool // some GPUs are left out of documents: a position is no index
	cells   [][]byte
	sheet   sheet
	doc     document
	digits  []byte
}

func newFleet(c *Config, meter *sdk.Meter) *fleet {
	return &fleet{only: c.Devices, processes: c.Processes, proc: container.Proc, invalid: meter.Counter("gpuline_nvidia_smi_invalid_values_total",
		"Readings of nvidia-smi that cannot be, such as a utilisation above 100 %, and were left out.")}
}

// find returns the known GPU that an identity names, or nil. It compares UUIDs; where one of the two has none, PCI bus
// ids, and else indexes. Of several GPUs that have been in one place it returns the one that was seen last.
func (f *fleet) find(id identity) (found *device) {
	for _, d := range f.devices {
		same := false
		switch {
		case id.uuid != nil && d.uuid != "":
			if d.uuid == string(id.uuid) {
				return d
			}
		case id.bus != nil && d.bus != "":
			same = selector.SameBus(d.bus, string(id.bus))
		case id.index != nil:
			same = d.index == string(id.index)
		}
		if same && (found == nil || d.seen > found.seen) {
			found = d
		}
	}
	return found
}

// admit returns the GPU of an identity, and makes a new one known. It returns nil for an empty identity, and for
// a GPU that the operator does not want.
func (f *fleet) admit(id identity) *device {
	if d := f.find(id); d != nil {
		d.name(id)
		return d
	}
	if id.uuid == nil && id.bus == nil && id.index == nil || !f.wants(id) {
		return nil
	}
	d := &device{seen: f.round}
	d.name(id)
	f.devices = append(f.devices, d)
	return d
}

func (f *fleet) wants(id identity) bool {
	if len(f.only) == 0 {
		return true
	}
	return slices.ContainsFunc(f.only, func(want string) bool {
		return want == string(id.index) || strings.EqualFold(want, string(id.uuid)) || selector.SameBus(want, string(id.bus))
	})
}

// begin starts a round. whole says that the round before it came to its end: in one that did not, no GPU counts
// as missing.
func (f *fleet) begin(b *sdk.Batch, round int, at int64, whole bool) {
	switch {
	case round == f.round:
		return
	case whole && round == f.round+1:
		f.complete(b, at)
		f.sequence, f.current = f.current, f.sequence
	default:
		for _, d := range f.devices {
			missed := max(f.round-1-d.seen, 0)
			d.seen = round - 1 - missed
		}
	}
	f.current, f.round, f.closed = f.current[:0], round, false
}

// complete ends a round: GPUs that it did not name, nor the one before, are lost.
func (f *fleet) complete(b *sdk.Batch, at int64) {
	if f.closed {
		return
	}
	f.closed = true
	for _, d := range f.devices {
		if f.round-d.seen >= missedRounds {
			f.silent(b, d, at, "nvidia-smi does not list the GPU any more")
		}
	}
}

// silent adds the row of a GPU that nothing was read of.
func (f *fleet) silent(b *sdk.Batch, d *device, at int64, why string) {
	f.lose(b, d, at, why)
	f.sheet.reset()
	f.sheet.lost = true
	f.emit(b, d, &f.sheet, at)
}

const missedRounds = 2

// row adds the metrics of one row of a selective query.
func (f *fleet) row(b *sdk.Batch, p *plan, line []byte, at int64) {
	at = f.forward(at)
	f.cells = split(f.cells[:0], line)
	if len(f.cells) != p.width() {
		return
	}
	p.read(&f.sheet, f.cells)
	id := identify(f.cells)
	for _, cell := range f.cells[:identityColumns] {
		f.sheet.lost = f.sheet.lost || isLost(cell)
	}
	d := f.admit(id)
	if d == nil && id.uuid == nil && id.bus == nil && id.index == nil {
		d = f.expected()
	}
	if d == nil {
		return
	}
	f.report(b, d, &f.sheet, at)
	d.reportInfo(b, &f.sheet, at, fromRow)
}

// document adds what a full document tells. With asked set it supplements rows, which give the readings in asked:
// these are left out. An error says that the document is not whole; the GPUs before the damage are there.
func (f *fleet) document(b *sdk.Batch, data []byte, at int64, asked *set) error {
	at = f.forward(at)
	f.doc.reset(data)
	for {
		more, err := f.doc.next()
		if !more {
			return err
		}
		id := f.doc.id
		if !f.partial && !f.doc.gaps {
			f.digits = strconv.AppendInt(f.digits[:0], int64(f.doc.position), 10)
			id.index = f.digits
		}
		d := f.find(id)
		if d == nil || asked == nil {
			d = f.admit(id)
		}
		if d == nil {
			continue
		}
		if asked == nil {
			f.report(b, d, &f.doc.gpu, at)
		} else {
			f.supplement(b, d, &f.doc.gpu, at, *asked)
		}
		d.reportInfo(b, &f.doc.gpu, at, fromDocument)
		for i := range f.doc.instances {
			d.reportInstance(b, &f.doc.instances[i], at)
			f.count(&f.doc.instances[i].sheet)
		}
		d.reportProcesses(b, f.doc.processes, f.processes, at, f.proc)
	}
}

// supplement adds a row of the readings that rows do not give.
func (f *fleet) supplement(b *sdk.Batch, d *device, s *sheet, at int64, asked set) {
	if which := gpuSlots.without(asked); !s.lost && !s.have.and(which).empty() {
		m := b.Add(d.series(b), d.stamp(at))
		s.fill(m, which)
		f.watch(b, d, m)
		f.count(s)
	}
}

// forward keeps times from going back when the clock is set back.
func (f *fleet) forward(at int64) int64 {
	f.latest = max(f.latest, at)
	return f.latest
}

// expected returns the GPU whose row should come next, by the order of the round before.
func (f *fleet) expected() *device {
	if n := len(f.current); n < len(f.sequence) && !slices.Contains(f.current, f.sequence[n]) {
		return f.sequence[n]
	}
	for _, d := range f.sequence {
		if !slices.Contains(f.current, d) {
			return d
		}
	}
	return nil
}

// report adds the row gpu of a GPU that this round names, and an event where it was lost or found.
func (f *fleet) report(b *sdk.Batch, d *device, s *sheet, at int64) {
	d.seen, f.failures = f.round, 0
	f.current = append(f.current, d)
	if s.lost {
		f.lose(b, d, at, "the driver says that the GPU is lost: it needs a reset, or the host a reboot")
	} else if d.lost {
		d.lost = false
		f.events.On(b, d.tags, at).Found("the GPU answers again")
	}
	f.emit(b, d, s, at)
}

func (f *fleet) emit(b *sdk.Batch, d *device, s *sheet, at int64) {
	s.derive()
	s.set(slotUp, 1)
	if s.lost {
		s.set(slotUp, 0)
	}
	m := b.Add(d.series(b), d.stamp(at))
	s.fill(m, gpuSlots)
	if !s.lost {
		f.watch(b, d, m)
	}
	f.count(s)
}

// watch adds the events that follow from a row of a GPU. The row of one that is lost tells none: some of its counters
// are zero, and would seem to grow when it is found.
func (f *fleet) watch(b *sdk.Batch, d *device, m *sdk.Metric) {
	r := f.events.On(b, d.tags, m.Time())
	if v, ok := m.Number("throttle_reasons"); ok {
		d.onsets.Observe(r, int64(v))
	}
	if v, ok := m.Number("recovery_action"); ok {
		d.recovery.Observe(r, int64(v))
	}
	d.ecc.Observe(r, m)
}

func (f *fleet) count(s *sheet) {
	if s.invalid > 0 {
		f.invalid.Add(float64(s.invalid))
	}
}

func (f *fleet) lose(b *sdk.Batch, d *device, at int64, why string) {
	if !d.lost {
		d.lost = true
		f.events.On(b, d.tags, at).Lost(why)
	}
}

// fail notes that nvidia-smi could not be asked. When it said so twice that there is no GPU to be read,
// all that were known are lost.
func (f *fleet) fail(b *sdk.Batch, at int64, gone bool) {
	if !gone {
		return
	}
	if f.failures++; f.failures < missedRounds {
		return
	}
	for _, d := range f.devices {
		f.silent(b, d, at, "nvidia-smi cannot reach any GPU")
	}
}
