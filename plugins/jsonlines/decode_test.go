package jsonlines

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

func decode(t *testing.T, text string) ([]string, error) {
	t.Helper()
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	err := NewDecoder(vocabulary.Coerce).Decode(b, []byte(text), 42)
	return sdktest.DumpFull(b), err
}

func TestDecode(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		got, err := decode(t, line)
		if diff := cmp.Diff([]string{want}, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", line, err, diff)
		}
	}
	f(`{"name":"gpu","tags":{"i":"0"},"fields":{"power_watts":300,"up":1,"x":2,"s":"t","b":true},"time":5,"class":"sample"}`,
		`gpu,i=0 power_watts:gauge:watts=300,up:gauge:=1i,x:gauge:=2,s:gauge:="t",b:gauge:=true 5`)
	f(`{"name":"gpu","fields":{"memory_used_bytes":85899345920}}`, `gpu memory_used_bytes:gauge:bytes=85899345920i 42`)
	f(`{"name":"gpu","fields":{"power_watts_max_time":1699999999500000001},"class":"result"}`, `gpu power_watts_max_time:info:=1699999999500000001i 42 class=result`)
	f(`{"name":"gpu","tags":{"i":"0","part":"head","window":"10s"},"fields":{"power_watts_max":300},"class":"result"}`, `gpu,i=0,part=head,window=10s power_watts_max:gauge:watts=300 42 class=result origin=gpu,i=0`)
	f(`{"fields":{"x":1e400,"y":-1e-400,"z":null},"more":[{"a":{}}],"class":"event","name":"n"}`, `n x:gauge:=1.7976931348623157e+308,y:gauge:=-0 42 class=event`)
	f(`{"name":"gpu_info","fields":{},"class":"info"}`, `gpu_info - 42 class=info`)
	f(`{"name":"g\"p","tags":{"t\\":"a\nb"},"fields":{"s":"é\u0001"}}`, `g\"p,t\\=a\nb s:gauge:="é\x01" 42`)
	f("\n \n{\"name\":\"a\",\"fields\":{\"x\":1}}\r\n\n", "a x:gauge:=1 42")
	f(`{"name":"gpu","fields":{"power_watts":"n/a"}}`, `gpu power_watts:gauge:="n/a" 42`)
}

func TestDecodeRefuses(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		got, err := decode(t, line+"\n"+`{"name":"good","fields":{"x":1}}`)
		var bad *DecodeError
		if !errors.As(err, &bad) || bad.Count != 1 || bad.Line != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
		if diff := cmp.Diff([]string{"good x:gauge:=1 42"}, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
	f(`no`, "invalid character")
	f(`[]`, "no object")
	f(`{"name":"a","fields":{"x":1}} {}`, "more than one object")
	f(`{"fields":{"x":1}}`, "no name")
	f(`{"name":"a","fields":{}}`, "no fields")
	f(`{"name":"a"}`, "no fields")
	f(`{"name":1,"fields":{"x":1}}`, "cannot unmarshal")
	f(`{"name":"a","fields":{"x":[1]}}`, `field "x" is no number, string or bool`)
	f(`{"name":"a","fields":7}`, "no object")
	f(`{"name":"a","tags":{"t":1},"fields":{"x":1}}`, "the value of a tag is no string")
	f(`{"name":"a","fields":{"x":1},"time":1.5}`, "no number of nanoseconds")
	f(`{"name":"a","fields":{"x":1},"time":"now"}`, "")
	f(`{"name":"a","fields":{"x":1},"class":"odd"}`, `no class is called "odd"`)
	f(`{"name":"a","fields":{"x":`, "EOF")
	f(`{"name":"a","fields":{`+strings.Repeat(`"f":1,`, 2000)+`"f":1}}`, "more than 1024 fields")
	f(strings.Repeat(`{"name":`, 100), "")
}

func TestManyBadLines(t *testing.T) {
	_, err := decode(t, strings.Repeat("x\n", 5))
	if err == nil || !strings.HasPrefix(err.Error(), "line 1: ") || !strings.HasSuffix(err.Error(), "; and 4 more") {
		t.Error(err)
	}
}

// FuzzDecode checks that a line does no harm, and that what was decoded reads the same when it is written and
// read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"gpu","tags":{"i":"0"},"fields":{"power_watts":300,"s":"t","b":true},"time":5,"class":"result"}` + "\nbad"))
	f.Add([]byte(`{"name":"a","fields":{"x":1e400}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := sdk.NewCatalog(sdk.Limits{Series: 100})
		b := sdk.NewBatch(c)
		d := NewDecoder(vocabulary.Coerce)
		_ = d.Decode(b, data, 42)
		if y := b.Tally(); y.Added != uint64(b.Len())+y.Dropped() {
			t.Fatalf("%d rows, tally %+v", b.Len(), y)
		}
		again := sdk.NewBatch(c)
		if err := d.Decode(again, new(Encoder).AppendBatch(nil, b), 0); err != nil {
			t.Fatalf("what was decoded cannot be read again: %v", err)
		}
		if diff := cmp.Diff(sdktest.DumpFull(b), sdktest.DumpFull(again)); diff != "" {
			t.Errorf("-once +twice\n%s", diff)
		}
	})
}
