package author

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"google.golang.org/grpc"
	pb "google.golang.org/protobuf/proto"

	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// stream is a host that says what it was given, and then goes.
type stream struct {
	grpc.ServerStream
	ctx  context.Context
	say  []*proto.HostMessage
	said []*proto.PluginMessage
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) Send(m *proto.PluginMessage) error { // one at a time, by the instance's lock
	s.said = append(s.said, m)
	return nil
}

func (s *stream) Recv() (*proto.HostMessage, error) {
	if len(s.say) == 0 {
		return nil, io.EOF
	}
	m := s.say[0]
	s.say = s.say[1:]
	return m, nil
}

type every struct{}

func (every) Gather(_ context.Context, b *sdk.Batch) error {
	b.Add(b.Series("m"), 1).Float("x", 1)
	return nil
}

func (every) Process(_ context.Context, b *sdk.Batch) error {
	for m := range b.Samples() {
		m.Float("y", 1)
	}
	return nil
}

func (every) Write(context.Context, *sdk.Batch) error { return nil }

func testRegistry() sdk.Registry {
	return sdk.Registry{
		sdk.DefineInput("every", "E.", "", func(*struct{}) (any, error) { return every{}, nil }),
		sdk.DefineProcessor("every", "E.", "", func(*struct{}) (sdk.Processor, error) { return every{}, nil }),
		sdk.DefineOutput("every", "E.", "", func(*struct{}) (sdk.Output, error) { return every{}, nil }),
	}
}

// checkSaid holds what a plugin says to a host that has made calls with so many rows each: it is opened first and closed
// last, the calls are answered in turn, and each answer accounts for its rows.
func checkSaid(t *testing.T, said []*proto.PluginMessage, calls []uint64, rows []uint64) {
	t.Helper()
	more := false
	for n, m := range said {
		if (m.GetOpened() != nil) != (n == 0) || m.GetClosed() != nil && n < len(said)-1 {
			t.Errorf("message %d of %d is %v", n+1, len(said), m)
		}
		reply := m.GetReply()
		if reply == nil {
			continue
		}
		if len(calls) == 0 || reply.GetCall() != calls[0] {
			t.Fatalf("an answer to call %d, while %d are open", reply.GetCall(), calls)
		}
		if b, y := reply.GetBatch(), reply.GetBatch().GetTally(); b != nil && !more && !reply.GetMore() {
			gone := y.GetFiltered() + y.GetMerged()
			for _, drop := range y.GetDrops() {
				gone += drop.GetCount()
			}
			if rows[0]+y.GetAdded() != uint64(b.GetRows())+gone {
				t.Errorf("%d rows became %d, tally %v", rows[0], b.GetRows(), y)
			}
		}
		if more = reply.GetMore(); !more {
			calls, rows = calls[1:], rows[1:]
		}
	}
}

// FuzzInstance feeds a plugin what a host may say: the process must live, answer what it was asked, and the instance
// end.
func FuzzInstance(f *testing.F) {
	add := func(messages ...*proto.HostMessage) {
		var text [3][]byte
		for i, m := range messages {
			var err error
			if text[i], err = pb.Marshal(m); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(text[0], text[1], text[2])
	}
	for _, role := range []proto.Role{proto.Role_INPUT, proto.Role_PROCESSOR, proto.Role_OUTPUT} {
		open := &proto.HostMessage{Body: &proto.HostMessage_Open{Open: &proto.Open{Role: role, Plugin: "every", Config: []byte("{}")}}}
		add(open, &proto.HostMessage{Body: &proto.HostMessage_Gather{Gather: &proto.Gather{Call: 1}}},
			&proto.HostMessage{Body: &proto.HostMessage_Close{Close: &proto.Close{}}})
		add(open, &proto.HostMessage{Body: &proto.HostMessage_Process{Process: &proto.Process{Call: 1, Batch: &proto.Batch{}}}},
			&proto.HostMessage{Body: &proto.HostMessage_Ping{Ping: &proto.Ping{Number: 1}}})
		add(open, &proto.HostMessage{Body: &proto.HostMessage_Write{Write: &proto.Write{Call: 1, Batch: &proto.Batch{}}}},
			&proto.HostMessage{Body: &proto.HostMessage_Cancel{Cancel: &proto.Cancel{Call: 1}}})
		add(open, &proto.HostMessage{Body: &proto.HostMessage_Credit{Credit: &proto.Credit{Batches: 1}}},
			&proto.HostMessage{Body: &proto.HostMessage_Ack{Ack: &proto.Ack{Number: 1}}})
	}
	s := &Service{Version: "1", Registry: testRegistry(), Log: func(slog.Level) *slog.Logger { return slog.New(slog.DiscardHandler) }}
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		far := &stream{ctx: t.Context()}
		for _, text := range [][]byte{first, second, third} {
			m := new(proto.HostMessage)
			if pb.Unmarshal(text, m) != nil {
				break
			}
			far.say = append(far.say, m)
		}
		var calls, rows []uint64
		held := uint64(0)
		call := func(number uint64, b *proto.Batch, more bool) {
			if held += uint64(b.GetRows()); !more {
				calls, rows, held = append(calls, number), append(rows, held), 0
			}
		}
		for _, m := range far.say {
			switch m := m.GetBody().(type) {
			case *proto.HostMessage_Gather:
				call(m.Gather.GetCall(), nil, false)
			case *proto.HostMessage_Process:
				call(m.Process.GetCall(), m.Process.GetBatch(), m.Process.GetMore())
			case *proto.HostMessage_Write:
				call(m.Write.GetCall(), m.Write.GetBatch(), m.Write.GetMore())
			}
		}
		_ = s.Run(far)
		checkSaid(t, far.said, calls, rows)
	})
}

func TestValidate(t *testing.T) {
	if err := (&Service{Registry: testRegistry()}).Validate(); err != nil {
		t.Error(err)
	}
	if (&Service{}).Validate() == nil {
		t.Error("a program without a plugin is right")
	}
	if (&Service{Registry: append(testRegistry(), testRegistry()[0])}).Validate() == nil {
		t.Error("two plugins of a name are right")
	}
	type faulty struct {
		X chan int `toml:"x"`
	}
	bad := sdk.DefineInput("bad", "B.", "", func(*faulty) (any, error) { return every{}, nil })
	if (&Service{Registry: sdk.Registry{bad}}).Validate() == nil {
		t.Error("a faulty tag is right")
	}
}
