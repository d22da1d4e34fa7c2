package host

import (
	"testing"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// FuzzSession feeds a session what a plugin may say: it must not panic, and must keep count.
func FuzzSession(f *testing.F) {
	add := func(messages ...*proto.PluginMessage) {
		var text [3][]byte
		for i, m := range messages {
			var err error
			if text[i], err = pb.Marshal(m); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(text[0], text[1], text[2])
	}
	opened := &proto.PluginMessage{Body: &proto.PluginMessage_Opened{Opened: &proto.Opened{Traits: &proto.Traits{Reads: true}}}}
	row := &proto.Batch{
		Fresh: true, Strings: &proto.Texts{Text: []byte("mx"), Lengths: []uint32{1, 1}}, Series: []*proto.Series{{}},
		Shapes: []*proto.Shape{{Fields: []*proto.Field{{Name: 1}}}}, Rows: 1, RowShapes: []uint32{1, 0},
		RowSeries: []uint32{0}, RowTimes: []int64{1}, Columns: []*proto.Column{{Floats: []float64{1}}}, Tally: &proto.Tally{Added: 1},
	}
	add(opened, &proto.PluginMessage{Body: &proto.PluginMessage_Read{Read: &proto.Read{Number: 1, Batch: row, Ack: true}}},
		&proto.PluginMessage{Body: &proto.PluginMessage_Reply{Reply: &proto.Reply{Call: 1, Batch: row}}})
	add(opened, &proto.PluginMessage{Body: &proto.PluginMessage_Pong{Pong: &proto.Pong{Number: 1, Figures: []*proto.Figure{
		{Name: "gpuline_x_total", Kind: proto.Kind_COUNTER, Tags: []string{"a", "b"}, Value: 1},
	}}}}, &proto.PluginMessage{Body: &proto.PluginMessage_Closed{Closed: &proto.Closed{}}})
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		c := sdk.NewCatalog(sdk.Limits{Series: 100, Schemas: 100})
		s := &session{
			began: time.Now(), out: newOutbox(), figures: newMirror(sdk.NewMeter()).take,
			decoder: wire.NewDecoder(c, wire.Protocol), opened: make(chan struct{}), over: make(chan struct{}),
			reads: make(chan arrival, window), unacked: make(map[uint64]bool),
			call: &outgoing{number: 1, done: make(chan struct{})},
		}
		call := s.call
		for _, text := range [][]byte{first, second, third} {
			m := new(proto.PluginMessage)
			if pb.Unmarshal(text, m) != nil || s.take(m) != nil {
				break
			}
		}
		b := sdk.NewBatch(c)
		check := func(rows []*wire.Rows) {
			b.Reset()
			if account(rows, 0) != nil {
				return
			}
			if deliver(rows, b); b.Tally().Added != uint64(b.Len())+b.Tally().Dropped()+b.Tally().Merged+b.Tally().Filtered {
				t.Errorf("%d rows, tally %+v", b.Len(), *b.Tally())
			}
		}
		check(call.rows)
		for len(s.reads) > 0 {
			check((<-s.reads).rows)
		}
	})
}
