package wire_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "google.golang.org/protobuf/proto"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// stream is both ends of one direction, with bytes between.
type stream struct {
	t        *testing.T
	encoder  *wire.Encoder
	decoder  *wire.Decoder
	near     *sdk.Catalog
	far      *sdk.Catalog
	messages int
}

func newStream(t *testing.T, limits wire.Limits) *stream {
	s := &stream{t: t, near: sdk.NewCatalog(sdk.Limits{}), far: sdk.NewCatalog(sdk.Limits{})}
	s.far.Series("another")
	s.encoder, s.decoder = wire.NewEncoder(limits), wire.NewDecoder(s.far, limits)
	return s
}

// send takes b to the far end.
func (s *stream) send(b *sdk.Batch) *sdk.Batch {
	s.t.Helper()
	out := sdk.NewBatch(s.far)
	s.messages = 0
	err := s.encoder.Encode(b, func(msg *proto.Batch, _ bool) error {
		s.messages++
		text, err := pb.Marshal(msg)
		if err != nil {
			return err
		}
		got := new(proto.Batch)
		if err := pb.Unmarshal(text, got); err != nil {
			return err
		}
		rows, err := s.decoder.Decode(got)
		if err != nil {
			return err
		}
		rows.Deliver(out)
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// check sends b, and compares what arrives.
func (s *stream) check(b *sdk.Batch) {
	s.t.Helper()
	got := s.send(b)
	if diff := cmp.Diff(sdktest.State(b), sdktest.State(got)); diff != "" {
		s.t.Errorf("-in +out\n%s", diff)
	}
}

func TestRoundTrip(t *testing.T) {
	sdktest.EachBatch(t, func(t *testing.T, build func(*sdk.Catalog) *sdk.Batch) {
		s := newStream(t, wire.Protocol)
		for range 2 {
			s.check(build(s.near))
		}
	})
}

const unread = `
	a x=1,y=2,z=3 1 absorbed
	a x=1,y=2,z=3 2 absorbed=x
	a x=1,y=2,z=3 3 absorbed=y,x
	a x=1,y=2,z=3 4
	a x=1,y=2,z=3 5 absorbed=x
	b y=2 6 absorbed`

// TestUnread: of absorbed rows, what no window has read goes over, under a filter, too, and where fields have been added.
func TestUnread(t *testing.T) {
	f := func(change func(b *sdk.Batch)) {
		t.Helper()
		s := newStream(t, wire.Protocol)
		for range 2 {
			b := sdktest.Batch(t, s.near, unread)
			change(b)
			s.check(b)
		}
	}
	f(func(*sdk.Batch) {})
	f(func(b *sdk.Batch) {
		for m := range b.All() {
			m.Float("n", 1)
		}
	})
	f(func(b *sdk.Batch) {
		b.Limit(func(*sdk.Metric) bool { return true }, func(s *sdk.Schema) *sdk.Mask {
			return sdk.NewMask(s, func(f sdk.Field) bool { return f.Name != "y" })
		})
	})
}

// TestUnreadIsNotKnown: who does not know what has not been read of a row takes it for read as a whole.
func TestUnreadIsNotKnown(t *testing.T) {
	s := newStream(t, wire.Protocol)
	messages, err := s.encoder.Messages(sdktest.Batch(t, s.near, unread))
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range messages[0].GetShapes() {
		shape.Unread = nil
	}
	rows, err := s.decoder.Decode(messages[0])
	if err != nil {
		t.Fatal(err)
	}
	got := sdk.NewBatch(s.far)
	rows.Deliver(got)
	want := sdktest.Batch(t, s.far, strings.NewReplacer("=y,x", "", "absorbed=x", "absorbed").Replace(unread))
	if diff := cmp.Diff(sdktest.State(want), sdktest.State(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestMalformedUnread: a slot that is not there, and one of a row that no window has read.
func TestMalformedUnread(t *testing.T) {
	f := func(slot uint32, want string) {
		t.Helper()
		s := newStream(t, wire.Protocol)
		messages, err := s.encoder.Messages(sdktest.Batch(t, s.near, "a x=1,y=2 1"))
		if err != nil {
			t.Fatal(err)
		}
		messages[0].Shapes[0].Unread = []uint32{slot}
		rows, err := s.decoder.Decode(messages[0])
		if want != "" {
			if !errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), want) {
				t.Errorf("slot %d: error %v", slot, err)
			}
			return
		}
		got := sdk.NewBatch(s.far)
		rows.Deliver(got)
		if diff := cmp.Diff([]string{"a x=1,y=2 1"}, sdktest.Dump(got)); diff != "" || err != nil {
			t.Errorf("slot %d: %v, -want +got\n%s", slot, err, diff)
		}
	}
	f(1, "")
	f(2, "unread slot 2 of 2")
}

// random returns a batch whose rows share little.
func random(c *sdk.Catalog, r *rand.Rand, rows int) *sdk.Batch {
	b := sdk.NewBatch(c)
	for range rows {
		m := b.Add(b.Series("m", sdk.Tag{Key: "k", Value: fmt.Sprint(r.IntN(50))}), r.Int64())
		for range r.IntN(4) {
			m.Float(fmt.Sprint("f", r.IntN(20)), r.Float64())
		}
		m.Text(fmt.Sprint("t", r.IntN(3)), strings.Repeat("x", r.IntN(100)))
		if r.IntN(3) == 0 {
			m.Annotate(c.Annotations(sdk.Tag{Key: "a", Value: fmt.Sprint(r.IntN(9))}))
		}
		if r.IntN(3) == 0 {
			m.SetOrigin(b.Series("o", sdk.Tag{Key: "k", Value: fmt.Sprint(r.IntN(50))}))
		}
	}
	return b
}

// TestLimits sends streams through limits that force many messages and dictionaries that start anew.
func TestLimits(t *testing.T) {
	f := func(name string, change func(*wire.Limits)) {
		t.Run(name, func(t *testing.T) {
			limits := wire.Protocol
			change(&limits)
			s, r := newStream(t, limits), rand.New(rand.NewPCG(1, 2))
			for range 20 {
				s.check(random(s.near, r, 200))
				if s.messages < 2 {
					t.Fatalf("%d messages: the limit does not bind", s.messages)
				}
			}
		})
	}
	f("rows", func(l *wire.Limits) { l.Rows = 1 })
	f("bytes", func(l *wire.Limits) { l.Bytes = 2000 })
	f("strings", func(l *wire.Limits) { l.Strings = 30 })
	f("series", func(l *wire.Limits) { l.Series = 2 })
	f("shapes", func(l *wire.Limits) { l.Shapes = 1 })
	f("words", func(l *wire.Limits) { l.Words = 300 })
}

func TestRowsTooLarge(t *testing.T) {
	f := func(name string, fill func(*sdk.Batch)) {
		t.Run(name, func(t *testing.T) {
			c := sdk.NewCatalog(sdk.Limits{})
			b := sdktest.Batch(t, c, "a x=1 1")
			fill(b)
			e := wire.NewEncoder(wire.Protocol)
			err := e.Encode(b, func(*proto.Batch, bool) error { return nil })
			var large *wire.RowError
			if !errors.As(err, &large) || large.Row != 1 {
				t.Errorf("error %v; want one that names row 1", err)
			}
			s := newStream(t, wire.Protocol)
			s.near, s.encoder = c, e
			s.check(sdktest.Batch(t, c, "a x=1 1"))
		})
	}
	long := strings.Repeat("x", wire.MaxString+1)
	f("text", func(b *sdk.Batch) { b.Add(b.Series("a"), 1).Text("t", strings.Repeat("x", wire.Protocol.Bytes)) })
	f("name", func(b *sdk.Batch) { b.Add(b.Series(long), 1).Float("x", 1) })
	f("tag", func(b *sdk.Batch) { b.Add(b.Series("a", sdk.Tag{Key: "k", Value: long}), 1).Float("x", 1) })
	f("field", func(b *sdk.Batch) { b.Add(b.Series("a"), 1).Float(long, 1) })
	f("tags", func(b *sdk.Batch) {
		var tags []sdk.Tag
		for i := range 10 {
			tags = append(tags, sdk.Tag{Key: strings.Repeat("k", i+1), Value: strings.Repeat("v", wire.MaxString/2)})
		}
		b.Add(b.Series("a", tags...), 1).Float("x", 1)
	})
	f("fields", func(b *sdk.Batch) {
		m := b.Add(b.Series("a"), 1)
		for i := range wire.MaxFields + 1 {
			m.Float(fmt.Sprint("x", i), 1)
		}
	})
}

// TestMuchText: a decoder does not keep more text for series than it may, however few strings they are made of.
func TestMuchText(t *testing.T) {
	c := sdk.NewCatalog(sdk.Limits{})
	b := sdk.NewBatch(c)
	for i := range 100 {
		b.Add(b.Series("s", sdk.Tag{Key: "a", Value: fmt.Sprint(i)}, sdk.Tag{Key: "b", Value: strings.Repeat("v", 1000)}), 1).Float("x", 1)
	}
	few := wire.Protocol
	few.Words = 50_000
	messages, err := wire.NewEncoder(wire.Protocol).Messages(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.NewDecoder(c, few).Decode(messages[0]); !errors.Is(err, wire.ErrMalformed) || !strings.Contains(err.Error(), "of all series") {
		t.Errorf("error %v", err)
	}
}

// TestSeriesCap: a catalog without room drops rows, and takes them once there is room.
func TestSeriesCap(t *testing.T) {
	s := newStream(t, wire.Protocol)
	s.far = sdk.NewCatalog(sdk.Limits{Series: 1})
	s.decoder = wire.NewDecoder(s.far, wire.Protocol)
	got := s.send(sdktest.Batch(t, s.near, "a x=1 1\nb x=1 2\na x=1 3 origin=b"))
	if d := got.Tally(); got.Len() != 1 || d.Dropped() != 2 || d.Added != 3 {
		t.Errorf("%d rows, tally %+v", got.Len(), *d)
	}
}

func TestErrors(t *testing.T) {
	table := map[string]any{"n": int64(math.MaxInt64), "f": 1.5, "list": []any{int64(1), "x"}, "t": map[string]any{"b": true}}
	text, err := wire.FromConfig(table)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.ToConfig(text)
	if diff := cmp.Diff(table, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestLongError: what a peer says of an error goes into logs.
func TestLongError(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, code := range []proto.Error_Code{proto.Error_PERMANENT, proto.Error_PARTIAL, proto.Error_RETRY} {
		if n := len(wire.ToError(&proto.Error{Code: code, Text: long}).Error()); n > wire.MaxString+100 {
			t.Errorf("%v: %d bytes", code, n)
		}
	}
}
