package nvidiasmi

import (
	"slices"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// BenchmarkXML8GPUs reads a full document of eight GPUs, from bytes to metrics.
func BenchmarkXML8GPUs(b *testing.B) {
	data := []byte(world{gpus: 8, clocks: 110, load: 97}.document())
	f, batch := newFleet(testConfig(), nil), newBatch()
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	at := int64(1)
	for b.Loop() {
		at += 1e9
		batch.Reset()
		f.begin(batch, f.round+1, at, true)
		if err := f.document(batch, data, at, nil); err != nil {
			b.Fatal(err)
		}
	}
	if batch.Len() < 8 {
		b.Fatal(batch.Len())
	}
}

// BenchmarkXML8GPUsFirst is the same for an input that has seen nothing before.
func BenchmarkXML8GPUsFirst(b *testing.B) {
	data := []byte(world{gpus: 8, clocks: 110, load: 97}.document())
	b.ReportAllocs()
	for b.Loop() {
		f, batch := newFleet(testConfig(), nil), newBatch()
		if err := f.document(batch, data, 1, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCSVFrame reads a frame of eight rows, from bytes to metrics.
func BenchmarkCSVFrame(b *testing.B) {
	frame, bytes := csvFrame(b)
	b.ReportAllocs()
	b.SetBytes(bytes)
	for b.Loop() {
		frame()
	}
}

// csvFrame returns what reads a frame of eight rows, once the GPUs are known.
func csvFrame(t testing.TB) (read func(), bytes int64) {
	w := world{gpus: 8, load: 97}
	s := newStream(testConfig())
	s.fleet = newFleet(s.config, nil)
	s.packets, s.spares = child.NewMailbox(pending, s.lose), child.NewSpares[frame](pending)
	p, _ := newPlan(s.config.wanted(), new(properties))
	s.asker = &asker{}
	s.framer.start(p, s.blankFrame())
	s.env = sdktest.Env(t, nil)
	s.lines = s.listen()
	names := append(slices.Clone(identityNames[:]), p.names()...)
	var text []byte
	for i := range w.gpus {
		text = append(text, w.row(i, names)+"\n"...)
	}
	batch := newBatch()
	at := int64(0)
	return func() {
		at += 1e9
		batch.Reset()
		if s.lines.Feed(text, time.Time{}, at) != 8 {
			t.Fatal("rows are missing")
		}
		s.release()
		packet := <-s.packets.C
		s.unpack(batch, packet.frame)
		if batch.Len() != 8 {
			t.Fatal(batch.Len())
		}
	}, int64(len(text))
}

func TestAllocations(t *testing.T) {
	frame, _ := csvFrame(t)
	if n := testing.AllocsPerRun(100, frame); n != 0 {
		t.Errorf("%v allocations a frame of rows, want none", n)
	}
	data := []byte(world{gpus: 8, clocks: 110, load: 97}.document())
	f, batch, at := newFleet(testConfig(), nil), newBatch(), int64(1)
	if n := testing.AllocsPerRun(20, func() {
		at++
		batch.Reset()
		if err := f.document(batch, data, at, nil); err != nil {
			t.Fatal(err)
		}
	}); n > 100 {
		t.Errorf("%v allocations a document of 8 GPUs, want 100 at most", n)
	}
}
