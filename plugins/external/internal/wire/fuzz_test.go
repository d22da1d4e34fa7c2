package wire_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "google.golang.org/protobuf/proto"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// FuzzDecode feeds messages to a decoder as a hostile peer would: it must not panic, must leave the batch
// alone when it refuses, and must account for every row that it takes. What it took must go over again.
func FuzzDecode(f *testing.F) {
	seed := func(change func(*sdk.Batch)) {
		c := sdk.NewCatalog(sdk.Limits{})
		b := sdk.NewBatch(c)
		change(b)
		var messages [2][]byte
		n := 0
		err := wire.NewEncoder(wire.Protocol).Encode(b, func(msg *proto.Batch, _ bool) error {
			text, err := pb.Marshal(msg)
			if n < 2 {
				messages[n] = text
			}
			n++
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(messages[0], messages[1])
		f.Add(messages[0], messages[0])
	}
	seed(func(*sdk.Batch) {})
	seed(func(b *sdk.Batch) {
		sdktest.Parse(f, b, `gpu,k=v x=1,n=1i,u=2u,s="a",ok=true 5 notes=a=b origin=o absorbed
			gpu x=2 1
			gpu x=2,y=3 2 absorbed=y`)
	})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		limits := wire.Limits{Rows: 1000, Bytes: 1 << 20, Strings: 1000, Series: 100, Shapes: 50, Words: 1 << 20}
		c := sdk.NewCatalog(sdk.Limits{Series: 20, Schemas: 20})
		d := wire.NewDecoder(c, limits)
		b := sdk.NewBatch(c)
		for _, text := range [][]byte{first, second} {
			msg := new(proto.Batch)
			if pb.Unmarshal(text, msg) != nil {
				return
			}
			rows, err := d.Decode(msg)
			if err != nil {
				if !errors.Is(err, wire.ErrMalformed) {
					t.Fatalf("error %v", err)
				}
				return
			}
			before, dropped := b.Len(), b.Tally().Dropped()-rows.Tally.Dropped()
			n := rows.Len()
			rows.Deliver(b)
			if b.Len()+int(b.Tally().Dropped()-dropped-2*rows.Tally.Dropped()) != before+n && rows.Tally.Dropped() == 0 {
				t.Fatalf("%d rows and %d in the message make %d, tally %+v", before, n, b.Len(), *b.Tally())
			}
		}
		far := sdk.NewCatalog(sdk.Limits{})
		again, out := wire.NewDecoder(far, wire.Protocol), sdk.NewBatch(far)
		err := wire.NewEncoder(wire.Protocol).Encode(b, func(msg *proto.Batch, _ bool) error {
			rows, err := again.Decode(msg)
			if err == nil {
				rows.Deliver(out)
			}
			return err
		})
		var large *wire.RowError
		if errors.As(err, &large) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sdktest.State(b), sdktest.State(out)); diff != "" {
			t.Errorf("-in +out\n%s", diff)
		}
	})
}

// FuzzOptions feeds schemas to the host.
func FuzzOptions(f *testing.F) {
	type config struct {
		N    int               `toml:"n" min:"1" max:"3"`
		Text string            `toml:"text" enum:"a|b" required:"true"`
		Map  map[string]string `toml:"map"`
		List []struct {
			X float64 `toml:"x"`
		} `toml:"list"`
	}
	options, err := sdk.Options(&config{})
	if err != nil {
		f.Fatal(err)
	}
	text, err := pb.Marshal(&proto.Definition{Options: wire.FromOptions(options)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, []byte(`{"n":5,"texd":1,"list":[{"y":1}],"map":{"k":2}}`))
	f.Fuzz(func(t *testing.T, schema, config []byte) {
		p := new(proto.Definition)
		if pb.Unmarshal(schema, p) != nil {
			return
		}
		options, err := wire.ToOptions(p.GetOptions())
		if err != nil {
			return
		}
		table, err := wire.ToConfig(config)
		if err != nil {
			return
		}
		for _, fault := range sdk.Check(options, table) {
			if fault.Problem == "" {
				t.Errorf("a fault without a problem: %+v", fault)
			}
		}
	})
}
