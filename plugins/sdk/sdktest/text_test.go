package sdktest

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestParseThenDump(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		b := Batch(t, sdk.NewCatalog(sdk.Limits{}), in)
		got := strings.Join(Dump(b), "\n")
		if got != want {
			t.Errorf("Dump(Parse(%s))\n%s\nwant\n%s", in, got, want)
		}
		again := Batch(t, sdk.NewCatalog(sdk.Limits{}), got)
		if again := strings.Join(Dump(again), "\n"); again != got {
			t.Errorf("second round\n%s\nwant\n%s", again, got)
		}
	}
	f("gpu x=1 0", "gpu x=1 0")
	f("\n# comment\n  gpu   x=1.50   1s  \n\n", "gpu x=1.5 1000000000")
	f("gpu,b=2,a=1 x=1,n=-3i,u=4u,ok=true,no=false -5", "gpu,a=1,b=2 x=1,n=-3i,u=4u,ok=true,no=false -5")
	f(`gpu s="a b,c=\"d\" \n" 1`, `gpu s="a b,c=\"d\" \n" 1`)
	f(`gpu s="" 1`, `gpu s="" 1`)
	f("gpu - 7", "gpu - 7")
	f("gpu x=NaN,y=+Inf,z=-Inf 1", "gpu x=NaN,y=+Inf,z=-Inf 1")
	f("gpu x=1 1 class=event", "gpu x=1 1 class=event")
	f("gpu x=1 1 class=info absorbed", "gpu x=1 1 class=info absorbed")
	f("gpu x=1,y=2,z=3 1 absorbed=z,x", "gpu x=1,y=2,z=3 1 absorbed=x,z")
	f(`gpu x\ 1=1,y=2 1 absorbed=x\ 1`, `gpu x\ 1=1,y=2 1 absorbed=x\ 1`)
	f("gpu x=1,y=2 1 absorbed=x,y", "gpu x=1,y=2 1 absorbed")
	f("gpu x=1,y=2 1 absorbed=none", "gpu x=1,y=2 1")
	f("gpu x=1 1 origin=gpu,i=0", "gpu x=1 1 class=result origin=gpu,i=0")
	f("gpu x=1 1 class=event origin=gpu,i=0", "gpu x=1 1 class=event origin=gpu,i=0")
	f("gpu x=1 1 notes=b=2,a=1", "gpu x=1 1 notes=a=1,b=2")
	f(`my\ gpu,a\,b=c\=d,q=\" x\:y=1 1`, `my\ gpu,a\,b=c\=d,q=\" x\:y=1 1`)
	f(`a\nb,c=d\\e x=1 1`, `a\nb,c=d\\e x=1 1`)
}

func TestDumpFullStatesKindAndUnit(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		b := Batch(t, sdk.NewCatalog(sdk.Limits{}), in)
		if diff := cmp.Diff([]string{want}, DumpFull(b)); diff != "" {
			t.Errorf("%s: -want +got\n%s", in, diff)
		}
		again := Batch(t, sdk.NewCatalog(sdk.Limits{}), want)
		if diff := cmp.Diff([]string{want}, DumpFull(again)); diff != "" {
			t.Errorf("%s: second round: -want +got\n%s", in, diff)
		}
	}
	f("gpu power_watts=1 1", "gpu power_watts:gauge:watts=1 1")
	f("gpu energy_joules=1 1", "gpu energy_joules:counter:joules=1 1")
	f("gpu errors_total=1i 1", "gpu errors_total:counter:=1i 1")
	f("gpu total=1i 1", "gpu total:gauge:=1i 1")
	f("gpu energy_joules:gauge=1 1", "gpu energy_joules:gauge:joules=1 1")
	f("gpu x:counter:bytes=1 1", "gpu x:counter:bytes=1 1")
	f("gpu x_bytes:info:=1 1", "gpu x_bytes:info:=1 1")
}

func TestDumpTellsNumbersApart(t *testing.T) {
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	m := b.Add(b.Series("s"), math.MinInt64)
	m.Float("negative_zero", math.Copysign(0, -1))
	m.Float("next", math.Nextafter(1, 2))
	m.Uint("most", math.MaxUint64)
	want := []string{"s negative_zero=-0,next=1.0000000000000002,most=18446744073709551615u -9223372036854775808"}
	if diff := cmp.Diff(want, Dump(b)); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	f := func(in string) {
		t.Helper()
		if err := parseLine(sdk.NewBatch(sdk.NewCatalog(sdk.Limits{})), in); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
	f("gpu")
	f("gpu x=1")
	f("gpu x 1")
	f("gpu x=one 1")
	f("gpu x=1i2 1")
	f("gpu x=1 then")
	f("gpu x=1,x=2 1")
	f("gpu,a x=1 1")
	f("gpu x:level=1 1")
	f("gpu x=1 1 class=sometimes")
	f("gpu x=1 1 later")
}

func TestHostileRowsSurviveText(t *testing.T) {
	b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
	AddHostile(b)
	again := Batch(t, sdk.NewCatalog(sdk.Limits{}), strings.Join(DumpFull(b), "\n"))
	if d := differ(DumpFull(b), DumpFull(again)); d != "" {
		t.Error(d)
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range append(Lines(stream), Lines(outputStream)...) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		if parseLine(b, line) != nil {
			return
		}
		want := DumpFull(b)
		again := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		for _, line := range want {
			if err := parseLine(again, line); err != nil {
				t.Fatalf("%q becomes %q: %v", line, want, err)
			}
		}
		if d := differ(want, DumpFull(again)); d != "" {
			t.Errorf("%q: %s", line, d)
		}
	})
}
