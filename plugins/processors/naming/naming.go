// Package naming is a processor that puts readings of GPUs into the words of another agent, so that the
// dashboards that people have go on working: those of dcgm-exporter, or of Telegraf's nvidia_smi. The
// common key naming of an output puts it at the end of that output's processors.
//
// It rewrites the measurements gpu and gpu_info, by the table of package vocabulary. What the other agent
// has no words for, such as events, passes as it is.
package naming

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Definition makes the processor known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineProcessor("naming", "The names of dcgm-exporter or Telegraf for what leaves", sample,
		func(c *Config) (sdk.Processor, error) { return New(c) })
}

// Config is the table [[processors.naming]].
type Config struct {
	Vocabulary string        `toml:"vocabulary" doc:"Whose names, units and labels: those of dcgm-exporter, or of Telegraf's nvidia_smi." enum:"dcgm|telegraf" required:"true"`
	MaxGap     time.Duration `toml:"max_gap" doc:"Of several sources of a field the best one wins; the next best follows once it has said nothing for so long, and for two of its own intervals." default:"30s" min:"1ms"`
	InfoWait   time.Duration `toml:"info_wait" doc:"With dcgm, a GPU's readings are left out until its gpu_info has told the driver's version, at most for so long: the version is a label, and without it they would be series of their own." default:"15s"`
}

// The reasons for which readings are dropped.
const (
	dropNoName      sdk.Reason = "no_name"      // the other vocabulary has a name for none of the fields
	dropOtherSource sdk.Reason = "other_source" // a better source gives all of the fields
	dropNoDriver    sdk.Reason = "no_driver"    // the driver's version, which is a label, is not known yet
)

// Naming is the processor.
type Naming struct {
	maxGap int64
	wait   int64 // for the driver's version
	find   func(measurement, field string) (vocabulary.Name, bool)
	write  func(p *Naming, b *sdk.Batch, m *sdk.Metric, r *row)
	xids   bool // an XID event makes a reading, too

	table      sdk.Table[state, column]
	catalog    *sdk.Catalog
	generation uint64
	gpus       map[string]*gpu
	said       []said // of the row at work
}

type row = sdk.TableRow[state, column]

// state is what is known of a series of the stream.
type state struct {
	kind  kind
	gpu   *gpu
	rank  rank
	scope string // tells the series of one GPU apart: its MIG instance and window

	// The series in the other words, and what its tags were made from, where there is one for all fields.
	series   *sdk.Series
	pstate   int
	revision int
}

type kind uint8

const (
	other   kind = iota // it has no other words
	reading             // gpu, gpu_info
	xid                 // the event of an XID
)

// column is what becomes of one field of a series.
type column struct {
	name  vocabulary.Name
	state columnState
	claim *claim

	// The series of this field, and what its tags were made from, where each field has one.
	series   *sdk.Series
	revision int
}

type columnState uint8

const (
	unresolved columnState = iota
	nameless
	named
)

// said is one field of a row in the other words.
type said struct {
	column *column
	value  sdk.Value
	read   bool // by a window
}

// New makes a processor. Nothing needs to be opened.
func New(c *Config) (*Naming, error) {
	p := &Naming{maxGap: int64(c.MaxGap)}
	switch c.Vocabulary {
	case "dcgm":
		p.find, p.write, p.xids, p.wait = vocabulary.AsDCGM, (*Naming).writeDCGM, true, int64(c.InfoWait)
	case "telegraf":
		p.find, p.write = vocabulary.AsTelegraf, (*Naming).writeTelegraf
	default:
		return nil, sdk.Fault{Path: []string{"vocabulary"}, Problem: fmt.Sprintf("there is no vocabulary %q", c.Vocabulary)}
	}
	return p, nil
}

// Process rewrites the readings of b.
func (p *Naming) Process(_ context.Context, b *sdk.Batch) error {
	p.enter(b)
	for m := range b.All() {
		if m.Name() == vocabulary.Info {
			p.row(m).State.gpu.learn(m, false)
		}
	}
	for m := range b.All() {
		r := p.row(m)
		switch r.State.kind {
		case reading:
			p.rewrite(b, m, r)
		case xid:
			p.writeXID(b, m, r)
		}
	}
	return nil
}

// rewrite puts a reading into the other words. Fields that a filter hides stay behind, under our names.
func (p *Naming) rewrite(b *sdk.Batch, m *sdk.Metric, r *row) {
	if m.Name() == vocabulary.Info {
		r.State.gpu.learn(m, true)
	}
	reason, visible := p.gather(m, r), visible(m)
	switch {
	case len(p.said) > 0:
		p.write(p, b, m, r)
	case visible == m.Len():
		b.Drop(m, reason)
	}
	if visible > 0 && visible < m.Len() && m.Mask() != nil {
		keepHidden(m)
	}
}

// gather collects in p.said what is to be said of m. Where that is nothing, it says why.
func (p *Naming) gather(m *sdk.Metric, r *row) sdk.Reason {
	p.said = p.said[:0]
	if r.State.gpu.waits(m, p.wait) {
		return dropNoDriver
	}
	reason := dropNoName
	for slot, at := range r.Slots(m) {
		if at < 0 {
			continue
		}
		c := r.Cell(at)
		if c.state == unresolved {
			p.resolve(m, r, c, m.Field(slot).Name)
		}
		if c.state != named {
			continue
		}
		v, ok := c.name.Value(m.Value(slot))
		if !ok {
			continue
		}
		if !c.claim.take(r.State.rank, m.Time(), p.maxGap) {
			reason = dropOtherSource
			continue
		}
		p.said = append(p.said, said{c, v, m.Read(slot)})
	}
	return reason
}

func (p *Naming) resolve(m *sdk.Metric, r *row, c *column, field string) {
	name, ok := p.find(m.Name(), field)
	if !ok {
		c.state = nameless
		return
	}
	c.state, c.name = named, name
	c.claim = r.State.gpu.claim(r.State.scope, m.Name(), field)
}

// carry gives to, a row made of m, what does not depend on the words.
func carry(b *sdk.Batch, m, to *sdk.Metric) {
	if m.Origin() != m.Series() {
		to.SetOrigin(m.Origin())
	}
	to.SetClass(m.Class())
	to.Annotate(m.Annotations())
	if m.Absorbed() {
		b.Absorb(to)
	}
}

// markRead notes of an absorbed row, which says all, what windows have read of it under our names.
func markRead(m *sdk.Metric, all []said) {
	unread := func(s said) bool { return !s.read }
	if !m.Absorbed() || !slices.ContainsFunc(all, unread) {
		return
	}
	m.SetUnreadMask(sdk.NewMask(m.Schema(), func(f sdk.Field) bool {
		return !slices.ContainsFunc(all, func(s said) bool { return unread(s) && s.column.name.Field.Name == f.Name })
	}))
}
