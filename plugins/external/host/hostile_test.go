package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// rogue is a plugin that answers with whatever it likes.
type rogue struct {
	proto.UnimplementedPluginServer
	role   proto.Role
	traits *proto.Traits
	say    func(m *proto.HostMessage, send func(*proto.PluginMessage) error) error
}

func (r *rogue) Describe(context.Context, *proto.DescribeRequest) (*proto.Description, error) {
	return &proto.Description{Plugins: []*proto.Definition{{Role: r.role, Name: "rogue"}}}, nil
}

func (r *rogue) Check(context.Context, *proto.CheckRequest) (*proto.CheckReply, error) {
	return &proto.CheckReply{Traits: r.traits}, nil
}

func (r *rogue) Run(stream proto.Plugin_RunServer) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch body := m.GetBody().(type) {
		case *proto.HostMessage_Open:
			err = stream.Send(&proto.PluginMessage{Body: &proto.PluginMessage_Opened{Opened: &proto.Opened{Traits: r.traits}}})
		case *proto.HostMessage_Ping:
			err = stream.Send(&proto.PluginMessage{Body: &proto.PluginMessage_Pong{Pong: &proto.Pong{Number: body.Ping.GetNumber()}}})
		case *proto.HostMessage_Close:
			return nil
		default:
			err = r.say(m, stream.Send)
		}
		if err != nil {
			return err
		}
	}
}

// rogueInstance makes an instance of it.
func rogueInstance(t *testing.T, r *rogue, role sdk.Role, keys table) any {
	t.Helper()
	r.role = proto.Role(role)
	if r.traits == nil {
		r.traits = &proto.Traits{}
	}
	def := sdk.Registry(host.Memory(r)).Find(role, host.Name)
	config := def.NewConfig()
	all := table{"path": "/rogue"}
	for key, value := range keys {
		all[key] = value
	}
	for _, fault := range sdk.Configure(config, all) {
		t.Fatal(fault)
	}
	i, err := def.New(config)
	if err != nil {
		t.Fatal(err)
	}
	host.Hasten(i)
	return i
}

func reply(call uint64, b *proto.Batch) *proto.PluginMessage {
	return &proto.PluginMessage{Body: &proto.PluginMessage_Reply{Reply: &proto.Reply{Call: call, Batch: b}}}
}

// one is a batch of one row that is right.
func one() *proto.Batch {
	return &proto.Batch{
		Fresh:   true,
		Strings: &proto.Texts{Text: []byte("mx"), Lengths: []uint32{1, 1}},
		Series:  []*proto.Series{{Name: 0}},
		Shapes:  []*proto.Shape{{Fields: []*proto.Field{{Name: 1}}}},
		Rows:    1, RowShapes: []uint32{1, 0}, RowSeries: []uint32{0}, RowTimes: []int64{1},
		Columns: []*proto.Column{{Floats: []float64{1}}},
		Tally:   &proto.Tally{Added: 1},
	}
}

// TestHostileInput answers gathers with batches that are wrong: the host says so, takes nothing, restarts
// the plugin and lives.
func TestHostileInput(t *testing.T) {
	f := func(name, problem string, change func(b *proto.Batch)) {
		t.Run(name, func(t *testing.T) {
			r := &rogue{}
			r.say = func(m *proto.HostMessage, send func(*proto.PluginMessage) error) error {
				b := one()
				change(b)
				return send(reply(m.GetGather().GetCall(), b))
			}
			i := rogueInstance(t, r, sdk.RoleInput, nil)
			env := opened(t, i)
			b := sdk.NewBatch(env.Catalog)
			err := i.(sdk.Gatherer).Gather(t.Context(), b)
			if problem == "" {
				if err != nil || b.Len() != 1 {
					t.Errorf("%d rows, error %v", b.Len(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), problem) || b.Len() != 0 || b.Tally().Added != 0 {
				t.Errorf("%d rows, tally %+v, error %v; want %q", b.Len(), *b.Tally(), err, problem)
			}
		})
	}
	f("right", "", func(*proto.Batch) {})
	f("string", "string 9 of 2", func(b *proto.Batch) { b.Series[0].Name = 9 })
	f("greatest string", "string 4294967295 of 2", func(b *proto.Batch) { b.Series[0].Tags = []uint32{1<<32 - 1, 0} })
	f("unit", "string 4294967294 of 2", func(b *proto.Batch) { b.Shapes[0].Fields[0].Unit = 1<<32 - 1 })
	f("half a tag", "a tag without a value", func(b *proto.Batch) { b.Series[0].Tags = []uint32{0} })
	f("tags out of order", "tags are out of order", func(b *proto.Batch) { b.Series[0].Tags = []uint32{1, 0, 0, 0} })
	f("series", "series 1 of 1", func(b *proto.Batch) { b.RowSeries[0] = 1 })
	f("shape", "a run of 1 rows of shape 7", func(b *proto.Batch) { b.RowShapes[1] = 7 })
	f("endless run", "a run of 4294967295 rows", func(b *proto.Batch) { b.RowShapes[0] = 1<<32 - 1 })
	f("rows without end", "rows in a message", func(b *proto.Batch) { b.Rows = 1<<32 - 1 })
	f("more rows than series", "2 rows with 1 series", func(b *proto.Batch) { b.Rows = 2 })
	f("no column", "columns are missing", func(b *proto.Batch) { b.Columns = nil })
	f("column of another type", "a column of type float", func(b *proto.Batch) { b.Columns[0] = &proto.Column{Integers: []int64{1}} })
	f("column too many", "columns belong to no field", func(b *proto.Batch) { b.Columns = append(b.Columns, &proto.Column{}) })
	f("unknown type", "unknown type or kind", func(b *proto.Batch) { b.Shapes[0].Fields[0].Type = 77 })
	f("field twice", "stands twice", func(b *proto.Batch) { b.Shapes[0].Fields = append(b.Shapes[0].Fields, b.Shapes[0].Fields[0]) })
	f("hidden slot", "hidden slot 5 of 1", func(b *proto.Batch) { b.Shapes[0].Hidden = []uint32{5} })
	f("state", "a run of 1 rows of state 255", func(b *proto.Batch) { b.RowStates = []uint32{1, 255} })
	f("annotation", "a run of 1 rows of annotation 1", func(b *proto.Batch) { b.RowAnnotations = []uint32{1, 1} })
	f("origin", "a run of 1 rows of origin 2", func(b *proto.Batch) { b.RowOrigins = []uint32{1, 2} })
	f("text", "text 0 of 0", func(b *proto.Batch) {
		b.Shapes[0].Fields[0].Type, b.Columns[0] = proto.Type_STRING, &proto.Column{Texts: []uint32{0}}
	})
	f("text longer than it is", "longer than what is left", func(b *proto.Batch) { b.Strings.Lengths[1] = 1 << 31 })
	f("long string", "a string of 20000 bytes", func(b *proto.Batch) {
		b.Strings = &proto.Texts{Text: []byte("m" + strings.Repeat("x", 20000)), Lengths: []uint32{1, 20000}}
	})
	f("series of much text", "the name and tags of a series are more than", func(b *proto.Batch) {
		words := &proto.Texts{}
		add := func(word string) {
			words.Text, words.Lengths = append(words.Text, word...), append(words.Lengths, uint32(len(word)))
		}
		add("m")
		add("x")
		add(strings.Repeat("v", 16000))
		for i := range 500 {
			add(fmt.Sprintf("k%03d", i))
			b.Series[0].Tags = append(b.Series[0].Tags, uint32(3+i), 2)
		}
		b.Strings = words
	})
	f("shape of many fields", "fields in a shape", func(b *proto.Batch) {
		for i := range 10_000 {
			word := "f" + strconv.Itoa(i)
			b.Strings.Text, b.Strings.Lengths = append(b.Strings.Text, word...), append(b.Strings.Lengths, uint32(len(word)))
			b.Shapes[0].Fields = append(b.Shapes[0].Fields, &proto.Field{Name: uint32(2 + i)})
		}
	})
	f("rows that nobody added", "gives back 1", func(b *proto.Batch) { b.Tally = nil })
	f("rows that are missing", "2 added", func(b *proto.Batch) { b.Tally.Added = 2 })
	f("drops that nobody had", "5 dropped", func(b *proto.Batch) { b.Tally.Drops = []*proto.Drop{{Reason: "r", Count: 5}} })
	f("overflowing tally", "a tally of 18446744073709551615", func(b *proto.Batch) { b.Tally.Added = 1<<64 - 1 })
	f("hidden row", "", func(b *proto.Batch) { b.RowStates = []uint32{1, 16} })
}

// TestHostileStream says things out of turn.
func TestHostileStream(t *testing.T) {
	read := func(number uint64, b *proto.Batch) *proto.PluginMessage {
		return &proto.PluginMessage{Body: &proto.PluginMessage_Read{Read: &proto.Read{Number: number, Batch: b}}}
	}
	f := func(name, problem string, say func(send func(*proto.PluginMessage) error) error) {
		t.Run(name, func(t *testing.T) {
			r := &rogue{traits: &proto.Traits{Reads: true}}
			r.say = func(_ *proto.HostMessage, send func(*proto.PluginMessage) error) error { return say(send) }
			i := rogueInstance(t, r, sdk.RoleInput, nil)
			env := opened(t, i)
			b := sdk.NewBatch(env.Catalog)
			for {
				b.Reset()
				_, err := i.(sdk.Reader).Read(t.Context(), b)
				if err != nil {
					if !strings.Contains(err.Error(), problem) {
						t.Errorf("error %v; want %q", err, problem)
					}
					return
				}
			}
		})
	}
	f("without credit", "it sends without credit", func(send func(*proto.PluginMessage) error) error {
		for n := range uint64(1000) {
			if err := send(read(n, one())); err != nil {
				return err
			}
		}
		return nil
	})
	f("reply to no call", "a reply to a call 7 that nobody has made", func(send func(*proto.PluginMessage) error) error {
		return send(reply(7, one()))
	})
	f("batch without end", "a batch in more than", func(send func(*proto.PluginMessage) error) error {
		for range 2000 {
			m := read(1, &proto.Batch{})
			m.GetRead().More = true
			if err := send(m); err != nil {
				return err
			}
		}
		return nil
	})
	f("batch of many rows", "a batch of more than", func(send func(*proto.PluginMessage) error) error {
		const rows = 1 << 16
		for range 500 {
			b := one()
			b.Rows, b.RowShapes, b.RowSeries, b.RowTimes, b.Tally = rows, []uint32{rows, 0}, make([]uint32, rows), make([]int64, rows), nil
			b.Columns[0].Floats = make([]float64, rows)
			m := read(1, b)
			m.GetRead().More = true
			if err := send(m); err != nil {
				return err
			}
		}
		return nil
	})
	f("dictionary without end", "series or annotations in the dictionary", func(send func(*proto.PluginMessage) error) error {
		m := read(1, one())
		m.GetRead().More = true
		for range 30 {
			b := one()
			b.Fresh = len(m.GetRead().GetBatch().GetSeries()) == 1
			b.Rows, b.RowShapes, b.RowSeries, b.RowTimes, b.Columns, b.Tally = 0, nil, nil, nil, nil, nil
			b.Series = make([]*proto.Series, 10_000)
			for i := range b.Series {
				b.Series[i] = &proto.Series{}
			}
			m.GetRead().Batch = b
			if err := send(m); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestHostileProcessor: rows that a processor loses or invents do not get into the ledger.
func TestHostileProcessor(t *testing.T) {
	f := func(name, problem string, answer func(call uint64, b *proto.Batch) *proto.PluginMessage) {
		t.Run(name, func(t *testing.T) {
			r := &rogue{}
			r.say = func(m *proto.HostMessage, send func(*proto.PluginMessage) error) error {
				if p := m.GetProcess(); p != nil {
					if a := answer(p.GetCall(), p.GetBatch()); a != nil {
						return send(a)
					}
				}
				return nil
			}
			i := rogueInstance(t, r, sdk.RoleProcessor, table{"deadline": "200ms"})
			env := opened(t, i)
			b := sdktest.Batch(t, env.Catalog, "a x=1 1\nb y=2 2")
			want := sdktest.DumpFull(b)
			began := time.Now()
			err := i.(sdk.Processor).Process(t.Context(), b)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("Process took %v", took)
			}
			if err == nil || !strings.Contains(err.Error(), problem) {
				t.Errorf("error %v; want %q", err, problem)
			}
			if got := sdktest.DumpFull(b); strings.Join(got, "\n") != strings.Join(want, "\n") || b.Tally().Added != 2 {
				t.Errorf("the batch has become %q, %+v", got, *b.Tally())
			}
		})
	}
	f("loses", "of 2 rows that went in and 0 added it gives back 0", func(call uint64, _ *proto.Batch) *proto.PluginMessage {
		return reply(call, &proto.Batch{})
	})
	f("no batch", "an answer without its batch", func(call uint64, _ *proto.Batch) *proto.PluginMessage {
		return reply(call, nil)
	})
	f("silent", context.DeadlineExceeded.Error(), func(uint64, *proto.Batch) *proto.PluginMessage { return nil })
}

// TestHostileOutput: an output that rejects rows which there are not is made anew, and a batch over which it does so
// twice is put aside. In which order it names rows is nobody's matter.
func TestHostileOutput(t *testing.T) {
	f := func(lines string, calls int, want []int, rejected ...uint32) {
		t.Helper()
		r := &rogue{}
		var writes atomic.Int64
		r.say = func(m *proto.HostMessage, send func(*proto.PluginMessage) error) error {
			if m.GetWrite() == nil {
				return nil
			}
			writes.Add(1)
			a := reply(m.GetWrite().GetCall(), nil)
			a.GetReply().Error = &proto.Error{Code: proto.Error_PARTIAL, Rejected: rejected}
			return send(a)
		}
		i := rogueInstance(t, r, sdk.RoleOutput, nil)
		env := opened(t, i)
		b := sdktest.Batch(t, env.Catalog, lines)
		var partial *sdk.PartialError
		var err error
		for deadline := time.Now().Add(20 * time.Second); !errors.As(err, &partial); <-time.After(10 * time.Millisecond) {
			if err = i.(sdk.Output).Write(t.Context(), b); err == nil || time.Now().After(deadline) {
				t.Fatalf("after %d writes: %v", writes.Load(), err)
			}
		}
		if got := slices.Sorted(slices.Values(partial.Rejected)); !slices.Equal(got, want) || int(writes.Load()) != calls {
			t.Errorf("%v: %d writes, and %v rejected: %v", rejected, writes.Load(), got, err)
		}
	}
	f("a x=1 1\nb x=1 1\nc x=1 1", 1, []int{0, 2}, 2, 0)
	f("a x=1 1\nb x=1 1", 1, []int{1, 1}, 1, 1)
	f("a x=1 1\nb x=1 1", 2, []int{0, 1}, 0, 2)
	f("a x=1 1", 2, []int{0}, 5, 5, 1<<31)
	large := "a x=1 1\nb x=\"" + strings.Repeat("x", 17<<20) + "\" 1\nc x=1 1"
	f(large, 1, []int{1, 2}, 1)
	f(large, 2, []int{0, 1, 2}, 2)
}

// TestCircuitCloses: a plugin that works again after many crashes is no longer said to be tried now and then.
func TestCircuitCloses(t *testing.T) {
	var calls atomic.Int64
	r := &rogue{}
	r.say = func(m *proto.HostMessage, send func(*proto.PluginMessage) error) error {
		if calls.Add(1) <= 3 {
			return errors.New("crash")
		}
		return send(reply(m.GetGather().GetCall(), one()))
	}
	i := rogueInstance(t, r, sdk.RoleInput, nil)
	host.Breaks(i, 2)
	env := opened(t, i)
	circuit := func() (v float64) {
		for f := range env.Meter.Totals() {
			if f.Name == host.CircuitName {
				v = f.Value
			}
		}
		return v
	}
	b, was := sdk.NewBatch(env.Catalog), 0.0
	for deadline := time.Now().Add(20 * time.Second); b.Len() == 0; <-time.After(10 * time.Millisecond) {
		was = max(was, circuit())
		b.Reset()
		_ = i.(sdk.Gatherer).Gather(t.Context(), b)
		if time.Now().After(deadline) {
			t.Fatal("it does not work again")
		}
	}
	if now := circuit(); was != 1 || now != 0 {
		t.Errorf("the circuit was %v, and is %v once the plugin works", was, now)
	}
}
