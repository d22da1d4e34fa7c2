package dcgm

import (
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// identity says which GPU, or which MIG instance of it, and who holds it.
type identity struct {
	uuid, index, name, bus string
	gi, ci                 string    // "" for the whole GPU
	host                   string    // "" for the agent's
	more                   []sdk.Tag // pod, namespace, container
}

// key tells GPUs and instances apart, whoever holds them.
func (id *identity) key() string {
	k := id.uuid
	if k == "" {
		k = "#" + id.index
	}
	if id.host != "" {
		k += "@" + id.host
	}
	if id.gi != "" || id.ci != "" {
		k += "/" + id.gi + "/" + id.ci
	}
	return k
}

// gpu names the GPU for a selector.
func (id *identity) gpu() selector.GPU {
	return selector.GPU{UUID: id.uuid, Index: id.index, Name: id.name, Bus: id.bus}
}

func (id *identity) tags() []sdk.Tag {
	return append(vocabulary.Device{
		UUID: id.uuid, Index: id.index, Name: id.name, PCIBusID: wholeBus(id.bus), GI: id.gi, CI: id.ci,
		Source: vocabulary.SourceDCGM, Host: id.host,
	}.Tags(), id.more...)
}

// wholeBus writes a PCI bus id as the other inputs do: with a domain of eight digits, in capitals.
func wholeBus(id string) string {
	if domain, rest, ok := strings.Cut(id, ":"); ok && strings.Count(id, ":") == 2 && len(domain) < 8 {
		id = strings.Repeat("0", 8-len(domain)) + domain + ":" + rest
	}
	return strings.ToUpper(id)
}

// device is a GPU or a MIG instance, and what follows it to make events.
type device struct {
	id       identity
	instance bool

	seen int // the round that named it last
	lost bool
	down bool      // an instance that was taken down, and that the fleet has forgotten
	tags []sdk.Tag // of who held it last

	onsets   vocabulary.Onsets
	ecc      vocabulary.ECC
	recovery vocabulary.Recovery
	xid      int64 // that was seen last
	knowsXID bool
}

// entity is what rows are made for: a device, as one pod holds it where several share it.
type entity struct {
	device *device
	tags   []sdk.Tag
	series *sdk.Series
	sheet  sheet
	best   []int8
	round  int // in which it has values

	xids      *xidLog // of the GPU, in the mode exporter
	xidDetail string  // what DCGM says of the XID in the sheet
	extras    []extra // of the measurement dcgm

	texts [infoTexts]string
	info  said
}

func newEntity(d *device, tags []sdk.Tag) *entity {
	best := make([]int8, len(slots))
	for i := range best {
		best[i] = absent
	}
	return &entity{device: d, tags: tags, sheet: newSheet(), best: best, round: -1}
}

// fleet knows the GPUs and makes rows of their values. It belongs to one goroutine.
type fleet struct {
	figures figures
	events  vocabulary.Events
	devices map[string]*device
	order   []*device
	round   int

	empty    int64         // since when the source names no GPU; 0 while it does
	patience time.Duration // how long it may do so before all known GPUs count as lost
}

func newFleet(env *sdk.Env) *fleet {
	return &fleet{figures: newFigures(env.Meter), devices: make(map[string]*device), patience: 2 * time.Minute}
}

// admit returns the device of an identity, and makes a new one known.
func (f *fleet) admit(id identity) *device {
	key := id.key()
	d := f.devices[key]
	if d == nil {
		d = &device{instance: id.gi != "" || id.ci != "", seen: f.round}
		f.devices[key] = d
		f.order = append(f.order, d)
	}
	d.id = id
	if d.tags == nil {
		d.tags = id.tags()
	}
	return d
}

// put takes a value of an entity, in DCGM's unit.
func (f *fleet) put(e *entity, r *reading, theirs float64) {
	f.figures.count(e.sheet.put(r, theirs, e.best))
}

// emit makes a row of an entity's sheet, and empties that. It adds the events that follow from it, but those
// of XIDs.
func (f *fleet) emit(b *sdk.Batch, e *entity, at int64) {
	d, s := e.device, &e.sheet
	f.find(b, e, at)
	s.derive()
	if e.series == nil || e.series.Left() {
		e.series = b.Series(vocabulary.GPU, e.tags...)
	}
	m := b.Add(e.series, at)
	if !d.instance {
		m.Set(up, sdk.IntValue(1))
	}
	s.fill(m, 0, firstInfo)
	r := f.events.On(b, d.tags, at)
	if s.has(slotReasons) {
		d.onsets.Observe(r, int64(s.values[slotReasons]))
	}
	if s.has(slotRecovery) {
		d.recovery.Observe(r, int64(s.values[slotRecovery]))
	}
	d.ecc.Observe(r, m)
	f.inform(b, e, at)
	s.reset()
}

// find notes that an entity has values in this round.
func (f *fleet) find(b *sdk.Batch, e *entity, at int64) {
	d := e.device
	d.seen, d.tags, f.empty = f.round, e.tags, 0
	if d.down {
		d.down = false
		f.devices[d.id.key()] = d
		f.order = append(f.order, d)
	}
	if d.lost {
		d.lost = false
		f.events.On(b, d.tags, at).Found("the GPU is back")
	}
}

// lose adds the row of a device that does not answer any more, and an event the first time.
func (f *fleet) lose(b *sdk.Batch, d *device, at int64, why string) {
	if !d.lost {
		d.lost = true
		f.events.On(b, d.tags, at).Lost(why)
	}
	b.Add(b.Series(vocabulary.GPU, d.tags...), at).Set(up, sdk.IntValue(0))
}

// missedRounds is in how many rounds in a row nothing must be said of a GPU for it to be lost.
const missedRounds = 2

// complete ends a round: GPUs that it did not name, nor the one before, are lost; an instance that is not
// there any more has been taken down. whole says that the round came to its end; where it did not, nobody was
// missed in it.
func (f *fleet) complete(b *sdk.Batch, at int64, whole bool, why string) {
	if !whole {
		for _, d := range f.order {
			d.seen = min(d.seen+1, f.round)
		}
		f.round++
		return
	}
	for _, d := range f.order {
		if f.round-d.seen >= missedRounds && !d.instance {
			f.lose(b, d, at, why)
		}
	}
	f.order = slices.DeleteFunc(f.order, func(d *device) bool {
		d.down = d.instance && f.round-d.seen >= missedRounds
		if d.down {
			delete(f.devices, d.id.key())
		}
		return d.down
	})
	f.round++
}

// nobody notes that the source answers but names no GPU. If that lasts, all known GPUs are lost. It may pass: a source
// that was just started, or has not collected yet, names none either.
func (f *fleet) nobody(b *sdk.Batch, at int64, why string) {
	if f.empty == 0 {
		f.empty = at
	}
	if at-f.empty < int64(f.patience) {
		return
	}
	for _, d := range f.order {
		if !d.instance {
			f.lose(b, d, at, why)
		}
	}
}

// lastXID takes what a sheet says of the last XID of a device, which stays until there is another one, and
// reports whether it is a new one. What was there when the device was first seen is no news. An XID of 0 says that
// there was none.
func (f *fleet) lastXID(e *entity) (number int64, news bool) {
	d, s := e.device, &e.sheet
	number = d.xid
	if s.has(slotXID) {
		if number = int64(s.values[slotXID]); number == 0 {
			s.rank[slotXID] = absent
		}
	}
	news = d.knowsXID && number != d.xid && number > 0
	d.xid, d.knowsXID = number, true
	return number, news
}

// xid adds the event of an XID. detail is what DCGM says of it, which may be what everybody knows.
func (f *fleet) xid(b *sdk.Batch, tags []sdk.Tag, at, number int64, detail string) {
	if strings.EqualFold(detail, vocabulary.FindXID(int(number)).Meaning) {
		detail = ""
	}
	f.events.On(b, tags, at).XID(int(number), detail)
}

// infoPeriod is how often gpu_info is said again where nothing has changed.
const infoPeriod = int64(5 * time.Minute)
