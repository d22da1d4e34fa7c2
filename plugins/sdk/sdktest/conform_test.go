package sdktest

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

const stream = `
	gpu,gpu_index=0 power_watts=300,n=1i 1s
	gpu,gpu_index=1 power_watts=200 1s
	gpu,gpu_index=0 power_watts=310,n=2i 1.5s
	gpu,gpu_index=0 power_watts=290 2s
	gpu,gpu_index=1 power_watts=NaN 2s
	gpu_event,code=79 message="lost" 2s class=event
	gpu,gpu_index=1 power_watts=210 2.5s absorbed
	gpu,gpu_index=0 power_watts=305,n=3i 3s
	gpu,gpu_index=0 power_watts=305,n=3i 3s
`

// maximum reports the greatest value of each field after every third sample of a series, and what is
// left at the end. It is a correct processor, small.
type maximum struct {
	table sdk.Table[seen, greatest]
	flaw  string // what it does wrong, on purpose

	kept *sdk.Metric
}

type (
	seen     struct{ n, time int64 }
	greatest struct {
		set bool
		v   float64
	}
)

func (p *maximum) Process(_ context.Context, b *sdk.Batch) error {
	rows := b.Samples()
	switch p.flaw {
	case "reads all classes":
		rows = b.All()
	case "reads hidden rows":
		for m := range b.Rows() {
			if m.Marks()&sdk.MarkHidden != 0 {
				m.Float("seen", 1)
			}
		}
	case "panics on an empty batch":
		if b.Len() == 0 {
			panic("nothing to do")
		}
	case "keeps a metric":
		if p.kept != nil && p.kept.Len() > 0 && p.kept.Time() > 0 {
			b.Add(b.Series("kept"), p.kept.Time()).Float("x", 1)
		}
	case "drops events":
		for m := range b.All() {
			if m.Class() == sdk.ClassEvent {
				b.Drop(m, sdk.DropInvalid)
			}
		}
	case "never returns":
		select {}
	}
	n := 0
	for m := range rows {
		if p.flaw == "skips what is absorbed" && m.Absorbed() {
			continue
		}
		n++
		p.kept = m
		if !anyVisible(m) && p.flaw == "" {
			continue
		}
		row, _ := p.table.Row(m)
		row.State.n++
		row.State.time = m.Time()
		for slot, cell := range row.Slots(m) {
			if p.flaw == "reads hidden fields" && cell < 0 {
				if v, ok := m.Value(slot).Number(); ok {
					out := b.Add(m.Series(), m.Time())
					out.SetOrigin(m.Series())
					out.Float("leaked", v)
				}
			}
			if cell < 0 || !m.Field(slot).Type.Numeric() {
				continue
			}
			v := m.NumberAt(slot)
			if g := row.Cell(cell); !g.set || v > g.v {
				*g = greatest{true, v}
			}
		}
		b.Absorb(m)
		if row.State.n == 3 {
			p.report(b, row)
		}
	}
	if p.flaw == "reports each batch" && n > 0 {
		m := b.Add(b.Series("batch"), 1)
		m.SetOrigin(m.Series())
		m.Int("rows", int64(n))
	}
	return nil
}

func anyVisible(m *sdk.Metric) bool {
	for slot := range m.Len() {
		if m.Visible(slot) {
			return true
		}
	}
	return false
}

func (p *maximum) report(b *sdk.Batch, row *sdk.TableRow[seen, greatest]) {
	s := row.Series
	m := b.Add(b.Catalog().With(s, sdk.Tag{Key: "window", Value: "3"}), row.State.time)
	m.SetOrigin(s)
	for i := range row.Len() {
		if g := row.Cell(i); g.set {
			m.Float(row.Field(i).Name+"_max", g.v)
			*g = greatest{}
		}
	}
	row.State.n = 0
}

func (p *maximum) Flush(_ context.Context, _ time.Time, final bool, b *sdk.Batch) error {
	for row := range p.table.All() {
		if final && row.State.n > 0 || p.flaw == "flushes twice" {
			p.report(b, row)
		}
	}
	return nil
}

func (p *maximum) Open(context.Context, *sdk.Env) error {
	if p.flaw == "leaves a goroutine" {
		go func() { select {} }()
	}
	return nil
}

// gauge is a correct Gatherer, small.
type gauge struct {
	flaw  string
	calls int
}

func (g *gauge) Gather(ctx context.Context, b *sdk.Batch) error {
	g.calls++
	if g.flaw == "ignores its context" && ctx.Err() != nil {
		time.Sleep(time.Hour)
	}
	s, now := b.Series("gpu", sdk.Tag{Key: "gpu_index", Value: "0"}), time.Now().UnixNano()
	f, v := sdk.Field{Name: "power_watts", Unit: "watts"}, 300.
	switch g.flaw {
	case "NaN":
		v = math.NaN()
	case "no time":
		now = 0
	case "no fields":
		b.Add(s, now)
		return nil
	case "no rows":
		return sdk.ErrNoData
	case "fails":
		return errors.New("no such device")
	case "changes a unit":
		if g.calls > 1 {
			f.Unit = "kilowatts"
		}
	case "changes a type":
		if g.calls > 1 {
			f.Type = sdk.Int
		}
	case "bad field name":
		f.Name = "power\n"
	case "empty field name":
		f.Name = ""
	case "another catalog":
		s = sdk.NewCatalog(sdk.Limits{}).Series("gpu")
	case "panics":
		panic("no driver")
	}
	b.Add(s, now).SetNumber(f, v)
	return nil
}

// tail is a correct Reader, small: three batches, and then it waits.
type tail struct {
	flaw  string
	calls int
	ends  bool
}

func (r *tail) Read(ctx context.Context, b *sdk.Batch) (sdk.Ack, error) {
	if r.flaw == "ignores its context" && ctx.Err() != nil {
		select {}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.calls++
	if r.calls > 3 {
		if r.ends && (r.calls == 4 || r.flaw != "goes on after the end") {
			return nil, sdk.ErrEnd
		}
		if r.flaw != "goes on after the end" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	b.Add(b.Series("gpu"), time.Now().UnixNano()).Float("x", 1)
	return func(error) {
		if r.flaw == "blocks in its Ack" {
			select {}
		}
	}, nil
}

// taker is an Output that is wrong as flaw says.
type taker struct {
	flaw string
	Sink
}

func (o *taker) Open(ctx context.Context, env *sdk.Env) error {
	if o.flaw == "leaves a goroutine" {
		go func() { select {} }()
	}
	if o.flaw == "does not open" {
		return errors.New("no such host")
	}
	return o.Sink.Open(ctx, env)
}

func (o *taker) Write(ctx context.Context, b *sdk.Batch) error {
	switch o.flaw {
	case "changes a value":
		for m := range b.All() {
			m.Float("mine", 1)
		}
	case "drops rows":
		for m := range b.All() {
			b.Drop(m, sdk.DropInvalid)
		}
	case "counts":
		b.Tally().AddDrops(sdk.DropInvalid, 1)
	case "changes the id":
		b.ID.Seq++
	case "ignores its context":
		if ctx.Err() != nil {
			select {}
		}
	}
	for m := range b.All() {
		if m.Time() >= 0 {
			continue
		}
		switch o.flaw {
		case "fails for ever":
			return errors.New("status 400")
		case "rejects rows that are not there":
			return &sdk.PartialError{Rejected: []int{b.Len()}, Err: errors.New("refused")}
		case "rejects nothing":
			return &sdk.PartialError{}
		}
	}
	return o.Sink.Write(ctx, b)
}

// note is a Processor that annotates whatever passes.
type note struct{}

func (note) Process(_ context.Context, b *sdk.Batch) error {
	a := b.Catalog().Annotations(sdk.Tag{Key: "seen", Value: "yes"})
	for m := range b.All() {
		m.Annotate(a)
	}
	return nil
}

func TestSuitesPassWhatIsRight(t *testing.T) {
	t.Run("processor", func(t *testing.T) {
		TestProcessor(t, func(testing.TB) sdk.Processor { return new(maximum) }, stream)
	})
	t.Run("processor that reads results", func(t *testing.T) {
		TestProcessor(t, func(testing.TB) sdk.Processor { return note{} }, stream, ReadsResults)
	})
	t.Run("stage", func(t *testing.T) {
		TestProcessor(t, func(testing.TB) sdk.Processor { return new(Stage) }, stream)
	})
	t.Run("gatherer", func(t *testing.T) { TestGatherer(t, func(testing.TB) sdk.Gatherer { return new(gauge) }) })
	t.Run("script", func(t *testing.T) {
		TestGatherer(t, func(t testing.TB) sdk.Gatherer {
			return NewScript(t, Step{Text: "a x=1 1"}, Step{Text: "a x=2 2"}, Step{Text: "a x=3 3"})
		})
	})
	t.Run("reader", func(t *testing.T) { TestReader(t, func(testing.TB) sdk.Reader { return &tail{} }) })
	t.Run("reader that ends", func(t *testing.T) { TestReader(t, func(testing.TB) sdk.Reader { return &tail{ends: true} }) })
	t.Run("output", func(t *testing.T) { TestOutput(t, func(testing.TB) sdk.Output { return new(Sink) }) })
	t.Run("output that rejects", func(t *testing.T) {
		TestOutput(t, func(testing.TB) sdk.Output { return &Sink{Do: Reject(" -1 ", errors.New("too early"))} })
	})
}
