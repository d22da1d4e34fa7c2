package record_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func newBatch() *sdk.Batch { return sdk.NewBatch(sdk.NewCatalog(sdk.Limits{})) }

// checkRoundTrip encodes b, decodes it into another catalog, and compares.
func checkRoundTrip(t *testing.T, b *sdk.Batch) []byte {
	t.Helper()
	frame := record.Append(nil, b)
	if again := record.Append([]byte("before"), b); string(again) != "before"+string(frame) {
		t.Error("a second Append differs, or does not append")
	}
	other := newBatch()
	other.Series("another")
	n, err := record.Decode(append(frame, "behind"...), other)
	if err != nil || n != len(frame) {
		t.Fatalf("Decode: %d of %d bytes, %v", n, len(frame), err)
	}
	if again := record.Append(nil, other); !bytes.Equal(again, frame) {
		t.Error("what was decoded encodes to other bytes")
	}
	if diff := cmp.Diff(sdktest.State(b), sdktest.State(other)); diff != "" {
		t.Errorf("-in +out\n%s", diff)
	}
	return frame
}

func TestRoundTrip(t *testing.T) {
	sdktest.EachBatch(t, func(t *testing.T, build func(*sdk.Catalog) *sdk.Batch) {
		checkRoundTrip(t, build(sdk.NewCatalog(sdk.Limits{})))
	})
}

// random returns a batch that depends on seed alone.
func random(seed uint64, rows int) *sdk.Batch {
	r := rand.New(rand.NewPCG(seed, seed))
	b := newBatch()
	word := func(n int) string { return fmt.Sprintf("w%d", r.IntN(n)) }
	tags := func(n int) []sdk.Tag {
		var tags []sdk.Tag
		for range r.IntN(n) {
			tags = append(tags, sdk.Tag{Key: word(6), Value: word(50)})
		}
		return tags
	}
	for range rows {
		m := b.Add(b.Series(word(5), tags(5)...), int64(r.Uint64())>>r.IntN(64))
		for range r.IntN(12) {
			f := sdk.Field{
				Name: word(30), Unit: sdk.Unit(word(4)),
				Type: sdk.Type(r.IntN(5)), Kind: sdk.Kind(r.IntN(3)),
			}
			bits := r.Uint64() >> r.IntN(64)
			switch f.Type {
			case sdk.Float:
				m.Set(f, sdk.FloatValue(math.Float64frombits(bits)))
			case sdk.Int:
				m.Set(f, sdk.IntValue(int64(bits)))
			case sdk.Uint:
				m.Set(f, sdk.UintValue(bits))
			case sdk.Bool:
				m.Set(f, sdk.BoolValue(bits&1 != 0))
			case sdk.String:
				m.Set(f, sdk.StringValue(word(40)))
			}
		}
		if r.IntN(5) == 0 {
			m.SetOrigin(b.Series(word(5), tags(3)...))
		}
		if r.IntN(3) == 0 {
			m.SetClass(sdk.Class(r.IntN(4)))
		}
		if r.IntN(3) == 0 {
			m.Annotate(b.Catalog().Annotations(tags(3)...))
		}
		switch r.IntN(8) {
		case 0:
			b.Drop(m, sdk.Reason(word(3)))
		case 1:
			b.Absorb(m)
		case 2:
			b.Enter()
		}
	}
	if r.IntN(2) == 0 {
		b.Limit(func(*sdk.Metric) bool { return r.IntN(4) > 0 }, func(s *sdk.Schema) *sdk.Mask {
			return sdk.NewMask(s, func(f sdk.Field) bool { return f.Name[1] != '1' })
		})
	}
	return b
}

func TestRoundTripAtRandom(t *testing.T) {
	for seed := range uint64(100) {
		checkRoundTrip(t, random(seed, int(seed)))
	}
}

func TestDecodeAppends(t *testing.T) {
	b := newBatch()
	sdktest.Parse(t, b, "a x=1 1")
	frame := record.Append(nil, b)
	for range 2 {
		if _, err := record.Decode(frame, b); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a x=1 1", "a x=1 1", "a x=1 1"}
	if diff := cmp.Diff(want, sdktest.Dump(b)); diff != "" || b.Tally().Added != 3 {
		t.Errorf("%d added, -want +got\n%s", b.Tally().Added, diff)
	}
}

func TestDecodeIntoAFullCatalogCountsDrops(t *testing.T) {
	b := newBatch()
	sdktest.Parse(t, b, "a x=1 1\nb x=1 2\nc x=1 3\na x=1 4 origin=c\na x=2 5")
	small := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{Series: 2}))
	if _, err := record.Decode(record.Append(nil, b), small); err != nil {
		t.Fatal(err)
	}
	want := []string{"a x=1 1", "b x=1 2", "a x=2 5"}
	if diff := cmp.Diff(want, sdktest.Dump(small)); diff != "" {
		t.Error(diff)
	}
	if y := small.Tally(); y.Added != 5 || y.Dropped() != 2 || y.Drops[0].Reason != sdk.DropSeriesCap {
		t.Errorf("tally %+v", *y)
	}
}

func TestDecodeBeyondTheSchemaCap(t *testing.T) {
	b := newBatch()
	sdktest.Parse(t, b, "a x=1,y=2,s=\"t\" 1\na z=1 2\na x=3,y=4,s=\"u\" 3")
	small := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{Schemas: 1}))
	if _, err := record.Decode(record.Append(nil, b), small); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sdktest.DumpFull(b), sdktest.DumpFull(small)); diff != "" {
		t.Error(diff)
	}
}

// TestFormat pins the bytes: a change of them is a new version.
func TestFormat(t *testing.T) {
	b := newBatch()
	sdktest.Parse(t, b, `
		gpu,i=0 power_watts=1.5,n:counter:=300i,ok=true,s="v" 1000 absorbed
		gpu,i=1 power_watts=2,n:counter:=298i,ok=false,s="i" 900 notes=k=v origin=gpu,i=0`)
	b.ID = sdk.BatchID{Agent: "h", Epoch: 300, Seq: 1}
	want := seal([]byte("GPLR\x01\x00\x00\x00" + "\x02\x00\x00\x00" + "llllcccc" +
		"\x01h" + "\xac\x02" + "\x01" + // id
		"\x02\x01\x00\x00\x00" + "\x00" + // tally
		"\x0c" + "\x03\x01\x01\x01\x01\x01\x0b\x05\x01\x00\x02\x01" + "gpu" + "i" + "0" + "1" + "k" + "v" + "power_watts" + "watts" + "n" + "" + "ok" + "s" +
		"\x02" + "\x00\x01\x01\x02" + "\x00\x01\x01\x03" + // series gpu,i=0 and gpu,i=1
		"\x01" + "\x01\x04\x05" + // annotations k=v
		"\x01" + "\x04" + "\x06\x07\x00" + "\x08\x09\x11" + "\x0a\x09\x03" + "\x0b\x09\x04" + "\x00" + // schema
		"\x02\x00" + "\x00\x01" + // schema and series of the rows
		"\xd0\x0f" + "\xc7\x01" + // 1000, then 100 less
		"\x01\x0c" + "\x01\x09" + // an absorbed sample, a result; both made
		"\x01\x00\x01\x01" + "\x01\x00\x01\x01" + // annotations, origin
		"\x00\x00\x00\x00\x00\x00\xf8\x3f" + "\x00\x00\x00\x00\x00\x00\x00\x40" + // 1.5, 2
		"\xd8\x04\x03" + "\x01" + "\x05\x01")) // 300 and 2 less; true, false; "v", "i"
	if diff := cmp.Diff(fmt.Sprintf("%q", want), fmt.Sprintf("%q", record.Append(nil, b))); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	b := random(5, 20)
	good := record.Append(nil, b)
	f := func(name string, want error, n int, change func(frame []byte) []byte) {
		t.Helper()
		frame := change(bytes.Clone(good))
		into := newBatch()
		sdktest.Parse(t, into, "kept x=1 1")
		before := sdktest.State(into)
		got, err := record.Decode(frame, into)
		if !errors.Is(err, want) || got != n {
			t.Errorf("%s: %d, %v; want %d, %v", name, got, err, n, want)
		}
		if diff := cmp.Diff(before, sdktest.State(into)); diff != "" {
			t.Errorf("%s: the batch has changed\n%s", name, diff)
		}
	}
	set := func(at int, v byte) func([]byte) []byte {
		return func(frame []byte) []byte { frame[at] = v; return frame }
	}
	f("nothing", record.ErrShort, 0, func([]byte) []byte { return nil })
	f("half a header", record.ErrShort, 0, func(f []byte) []byte { return f[:record.HeaderSize-1] })
	f("cut short", record.ErrShort, 0, func(f []byte) []byte { return f[:len(f)-1] })
	f("magic", record.ErrCorrupt, 0, set(0, 'g'))
	f("newer", record.ErrVersion, 0, set(4, 2))
	f("much newer", record.ErrVersion, 0, set(5, 1))
	f("version 0", record.ErrCorrupt, 0, set(4, 0))
	f("reserved", record.ErrCorrupt, 0, set(6, 1))
	f("length", record.ErrCorrupt, 0, set(15, 0xff))
	f("rows", record.ErrCorrupt, len(good), set(8, good[8]+1))
	f("checksum", record.ErrCorrupt, len(good), set(16, good[16]+1))
	f("a bit", record.ErrCorrupt, len(good), set(len(good)/2, good[len(good)/2]^1))
	f("the last bit", record.ErrCorrupt, len(good), set(len(good)-1, good[len(good)-1]^0x80))
}

// seal sets length and checksum of a frame right.
func seal(frame []byte) []byte {
	binary.LittleEndian.PutUint32(frame[12:], uint32(len(frame)-record.HeaderSize))
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(frame[:16], table), table, frame[record.HeaderSize:])
	binary.LittleEndian.PutUint32(frame[16:], sum)
	return frame
}

// checkHostile decodes a frame that may be anything, and returns whether it was taken.
func checkHostile(t *testing.T, frame []byte) {
	t.Helper()
	b := newBatch()
	sdktest.Parse(t, b, "kept x=1 1")
	n, err := record.Decode(frame, b)
	if err != nil {
		if b.Len() != 1 || b.Tally().Added != 1 || b.Tally().Dropped() != 0 {
			t.Errorf("refused, and yet %d rows, tally %+v", b.Len(), *b.Tally())
		}
		if !errors.Is(err, record.ErrCorrupt) && !errors.Is(err, record.ErrVersion) {
			t.Errorf("unknown error %v", err)
		}
		return
	}
	if n > len(frame) {
		t.Errorf("%d bytes of %d", n, len(frame))
	}
	clean := newBatch()
	if _, err := record.Decode(frame, clean); err != nil {
		t.Errorf("the second time: %v", err)
	}
	checkRoundTrip(t, clean)
}

func TestDecodeSurvivesDamageUnderARightChecksum(t *testing.T) {
	for seed := range uint64(20) {
		good := record.Append(nil, random(seed, 12))
		r := rand.New(rand.NewPCG(seed, 1))
		for range 300 {
			frame := bytes.Clone(good)
			for range 1 + r.IntN(3) {
				at := 6 + r.IntN(len(frame)-6)
				switch r.IntN(3) {
				case 0:
					frame[at] = byte(r.Uint32())
				case 1:
					frame = append(frame[:at], frame[min(at+1+r.IntN(4), len(frame)):]...)
				case 2:
					frame = append(frame[:at:at], append([]byte{0xff, byte(r.Uint32())}, frame[at:]...)...)
				}
				if len(frame) < record.HeaderSize {
					frame = append(frame, make([]byte, record.HeaderSize)...)
				}
			}
			checkHostile(t, seal(frame))
		}
	}
}

// TestDecodeBoundsMemory decodes frames that promise much.
func TestDecodeBoundsMemory(t *testing.T) {
	frame := func(rows uint32, payload string) []byte {
		f := append([]byte("GPLR\x01\x00\x00\x00"), make([]byte, 12)...)
		binary.LittleEndian.PutUint32(f[8:], rows)
		return seal(append(f, payload...))
	}
	const head = "\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00" // id, tally
	const huge = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
	f := func(name string, frame []byte) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := record.Decode(frame, newBatch())
		runtime.ReadMemStats(&after)
		if !errors.Is(err, record.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: %d bytes allocated for %d", name, used, len(frame))
		}
	}
	f("rows", frame(math.MaxUint32, head+"\x00\x00\x00\x00"))
	f("agent", frame(0, huge))
	f("drops", frame(0, "\x00\x00\x00\x00\x00\x00\x00\x00"+huge))
	f("strings", frame(0, head+huge))
	f("a string", frame(0, head+"\x01"+huge))
	f("many strings", frame(0, head+"\x08"+strings.Repeat("\x05", 8)))
	f("series", frame(0, head+"\x01\x01a"+huge))
	f("tags", frame(0, head+"\x01\x01a\x01\x00"+huge))
	f("annotations", frame(0, head+"\x00\x00"+huge))
	f("schemas", frame(0, head+"\x00\x00\x00"+huge))
	f("fields", frame(0, head+"\x01\x01a\x00\x00\x01"+huge))
	f("a run", frame(1, head+"\x01\x01a\x01\x00\x00\x00\x01\x00\x00"+huge+"\x00\x00\x00\x00"))
}

func FuzzDecode(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(record.Append(nil, random(seed, int(seed)*2)))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		checkHostile(t, frame)
		if len(frame) >= record.HeaderSize {
			frame = bytes.Clone(frame)
			copy(frame, "GPLR\x01\x00\x00\x00")
			checkHostile(t, seal(frame))
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint8(10))
	f.Add(uint64(2), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, rows uint8) { checkRoundTrip(t, random(seed, int(rows))) })
}

// load returns 1000 metrics with 4 tags and 10 fields, of so many series.
func load(series int) *sdk.Batch {
	b := newBatch()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 1000 {
		m := b.Add(b.Series("gpu",
			sdk.Tag{Key: "gpu_index", Value: fmt.Sprint(i % series)},
			sdk.Tag{Key: "gpu_uuid", Value: fmt.Sprintf("GPU-5d2fa2cd-1c33-4e5d-%012d", i%series)},
			sdk.Tag{Key: "gpu_name", Value: "NVIDIA H100 80GB HBM3"},
			sdk.Tag{Key: "host", Value: "node-17"}), 1_700_000_000_000_000_000+int64(i)*12_500_000)
		for f := range 8 {
			m.Float(fmt.Sprintf("reading_%d_watts", f), r.Float64()*700)
		}
		m.Int("energy", int64(i)*300)
		m.Uint("memory_used_bytes", 40_000_000_000+uint64(r.IntN(1<<30)))
	}
	return b
}

func BenchmarkAppend(bm *testing.B) {
	for _, series := range []int{8, 1000} {
		bm.Run(fmt.Sprintf("series=%d", series), func(bm *testing.B) {
			b := load(series)
			var frame []byte
			bm.ReportAllocs()
			for bm.Loop() {
				frame = record.Append(frame[:0], b)
			}
			bm.ReportMetric(float64(len(frame))/1000, "B/metric")
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/1000, "ns/metric")
		})
	}
}

func BenchmarkDecode(bm *testing.B) {
	for _, series := range []int{8, 1000} {
		bm.Run(fmt.Sprintf("series=%d", series), func(bm *testing.B) {
			frame := record.Append(nil, load(series))
			b := newBatch()
			bm.ReportAllocs()
			for bm.Loop() {
				b.Reset()
				if _, err := record.Decode(frame, b); err != nil {
					bm.Fatal(err)
				}
			}
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/1000, "ns/metric")
		})
	}
}
