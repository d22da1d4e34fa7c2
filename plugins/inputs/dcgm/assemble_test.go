package dcgm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// assembled makes rows of points, "155@1000=250" with times in µs, and shows their fields.
func assembled(t *testing.T, points ...string) []string {
	t.Helper()
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	f := newFleet(env)
	id := identity{uuid: "GPU-0", index: "0"}
	e := newEntity(f.admit(id), id.tags())
	var list []point
	for _, text := range points {
		var field int
		var at int64
		var v float64
		if _, err := fmt.Sscanf(text, "%d@%d=%g", &field, &at, &v); err != nil {
			t.Fatal(err)
		}
		list = append(list, point{at * 1000, readings[field], v})
	}
	b := sdk.NewBatch(env.Catalog)
	f.assemble(b, e, list)
	checkTally(t, b)
	var rows []string
	for _, row := range sdktest.Dump(b) {
		head, rest, _ := strings.Cut(row, " ")
		name, _, _ := strings.Cut(head, ",")
		rows = append(rows, name+" "+strings.TrimPrefix(rest, "up=1i,"))
	}
	return rows
}

func TestAssemble(t *testing.T) {
	f := func(points string, want ...string) {
		t.Helper()
		if got := assembled(t, strings.Fields(points)...); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", points, got, want)
		}
	}
	f("")
	f("150@1000=40 203@1005=50", "gpu utilization_ratio=0.5,temperature_celsius=40 1000000")
	f("150@1000=40 150@101000=41 203@1005=50 203@101005=51",
		"gpu utilization_ratio=0.5,temperature_celsius=40 1000000", "gpu utilization_ratio=0.51,temperature_celsius=41 101000000")
	f("150@1000=40 203@2500=50", "gpu temperature_celsius=40 1000000", "gpu utilization_ratio=0.5 2500000")
	f("150@1000=40 150@1200=41", "gpu temperature_celsius=40 1000000", "gpu temperature_celsius=41 1200000") // nothing is lost

	// The better field wins, whichever comes first.
	f("155@1000=300 157@1005=350", "gpu power_watts=350 1005000")
	f("155@1000=300 157@9005=350", "gpu power_watts=350 9005000")
	f("155@1000=300 157@1005=140737488355330", "gpu power_watts=300 1000000")

	// What has no value makes no row.
	f("150@1000=9223372036854775792")
	f("203@1000=107 150@5000=40", "gpu temperature_celsius=40 5000000")

	f("150@1000=40 230@2500=79 150@3000=41 150@4000=42", "gpu temperature_celsius=40 1000000",
		`gpu_event message="XID 79: GPU has fallen off the bus" 2500000 class=event`, "gpu temperature_celsius=41,xid=79i 3000000",
		"gpu temperature_celsius=42,xid=79i 4000000")
	f("230@1000=9223372036854775792 230@2000=0")
}

func TestIncidents(t *testing.T) {
	var n incidents
	var got []string
	update := func(found ...incident) {
		got = got[:0]
		n.update(found, func(i incident, over bool) {
			got = append(got, fmt.Sprintf("%s %d %v %v", i.system, i.target.id, i.failure, over))
		})
	}
	f := func(want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	memory, power := incident{target: target{1, 0}, system: "memory", code: 3}, incident{target: target{1, 1}, system: "power", code: 9, failure: true}
	update(memory)
	f("memory 0 false false")
	update(memory, power, power)
	f("power 1 true false")
	worse := memory
	worse.failure = true
	update(worse, power)
	f("memory 0 true false")
	update(power)
	f("memory 0 true true")
	update()
	f("power 1 true true")
	update()
	f()
	if systemName(1) != "pcie" || systemName(0x2000) != "imex" || systemName(0x8000) != "0x8000" {
		t.Error("systems have wrong names")
	}
}

// BenchmarkAssemble makes rows of a second of eight GPUs that are sampled at 10 Hz.
func BenchmarkAssemble(b *testing.B) {
	env := sdktest.Env(b, sdk.NewCatalog(sdk.Limits{}))
	f := newFleet(env)
	var entities []*entity
	var lists [][]point
	fields := testConfig(modeHostengine).wanted()[tierFast]
	for gpu := range 8 {
		id := identity{uuid: fmt.Sprint("GPU-", gpu), index: fmt.Sprint(gpu)}
		entities = append(entities, newEntity(f.admit(id), id.tags()))
		var list []point
		for at := range int64(10) {
			for k, field := range fields {
				if field != 230 {
					list = append(list, point{at*1e8 + int64(k)*1000, readings[field], 1})
				}
			}
		}
		lists = append(lists, list)
	}
	batch, room := sdk.NewBatch(env.Catalog), make([]point, 0, 1000)
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for i, e := range entities {
			room = append(room[:0], lists[i]...)
			f.assemble(batch, e, room)
		}
	}
	if batch.Len() < 80 {
		b.Fatal(batch.Len())
	}
}
