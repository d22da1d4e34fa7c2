package dcgm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// bigPage returns a page of a hundred fields of a hundred GPUs: 10,000 series.
func bigPage() string {
	var names []string
	for _, id := range slices.Sorted(maps.Keys(readings)) {
		if r := readings[id]; r.slot >= 0 && !strings.Contains(r.DCGM.Name, "XID") {
			names = append(names, r.DCGM.Name)
		}
	}
	var page strings.Builder
	for i := range 100 {
		name := fmt.Sprintf("DCGM_FI_DEV_OTHER_%d", i)
		if i < len(names) {
			name = names[i]
		}
		fmt.Fprintf(&page, "# HELP %s What it is.\n# TYPE %[1]s gauge\n", name)
		for gpu := range 100 {
			page.WriteString(line(name, gpu, "0.640000", `pod="triton-0"`, `namespace="serving"`, `container="triton"`))
		}
	}
	return page.String()
}

// readPage returns what reads a page that has been seen before, from bytes to rows.
func readPage(t testing.TB, page string) func() {
	s := newScene(t, nil)
	s.must(page)
	x, at := s.input, s.now.UnixNano()
	return func() {
		s.batch.Reset()
		at += 1e9
		sc := &x.scanner
		for sc.Reset(x.page.Body); sc.Next(); {
			x.book.take(sc)
		}
		if err := x.book.finish(s.batch, at, true); err != nil {
			t.Fatal(err)
		}
	}
}

// The limit is 4 ms.
func BenchmarkPage10000Series(b *testing.B) {
	page := bigPage()
	read := readPage(b, page)
	b.ReportAllocs()
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		read()
	}
}

func BenchmarkPage8GPUs(b *testing.B) {
	page := capture(b, "exporter-h100-dcp.txt")
	read := readPage(b, page)
	b.ReportAllocs()
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		read()
	}
}

func TestNothingIsAllocatedPerLine(t *testing.T) {
	read := readPage(t, bigPage())
	read()
	if n := testing.AllocsPerRun(20, read); n > 10 { // some of them each hundredth page
		t.Errorf("%v allocations for 10,000 series", n)
	}
}

// FuzzPage: whatever a page says, rows have good values, and each is counted once.
func FuzzPage(f *testing.F) {
	f.Add([]byte(line("DCGM_FI_DEV_GPU_UTIL", 0, "87") + line("DCGM_FI_DEV_POWER_USAGE", 1, "140737488355328.0")))
	f.Add([]byte(line("DCGM_FI_DEV_XID_ERRORS", 0, "79", `err_msg="x"`) + line("DCGM_FI_PROF_SM_ACTIVE", 0, "NaN", `GPU_I_ID="1"`)))
	f.Add([]byte(line("DCGM_EXP_XID_ERRORS_COUNT", 0, "2", `xid="79"`) + line("DCGM_EXP_XID_ERRORS_TOTAL", 0, "1e300", `xid="31"`)))
	f.Add([]byte("DCGM_FI_DEV_FB_USED{gpu=\"\xff\",UUID=\" \"} 9223372036854775792\n"))
	f.Fuzz(func(t *testing.T, page []byte) {
		s := newScene(t, func(c *Config) { c.HostTag = "label" })
		for range 2 {
			s.batch.Reset()
			sc := &s.input.scanner
			for sc.Reset(page); sc.Next(); {
				s.input.book.take(sc)
			}
			_ = s.input.book.finish(s.batch, 1, true)
			checkTally(t, s.batch)
			for m := range s.batch.All() {
				for slot := range m.Len() {
					if !m.Value(slot).Finite() {
						t.Fatalf("%s %s = %v", m.Series(), m.Field(slot).Name, m.Value(slot))
					}
					if v, ok := m.Value(slot).Number(); ok && m.Field(slot).Unit == "ratio" && (v < 0 || v > 1) {
						t.Fatalf("%s = %v", m.Field(slot).Name, v)
					}
				}
			}
		}
	})
}

var _ sdk.Gatherer = (*exporter)(nil)

// BenchmarkDmonRound reads a round of eight GPUs, from bytes to rows.
func BenchmarkDmonRound(b *testing.B) {
	env := sdktest.Env(b, sdk.NewCatalog(sdk.Limits{}))
	d := newDmon(testConfig(modeDmon))
	d.env, d.fleet, d.entities = env, newFleet(env), make(map[string]*entity)
	d.current, d.named = make(map[member]*entity), make(map[member]bool)
	d.packets, d.spares, d.noise = child.NewMailbox(pending, d.lose), child.NewSpares[packet](pending), new(sdk.Number)
	plans := newPlans(d.config, time.Second)
	s := &session{fields: plans.fields(), members: make(members)}
	var round strings.Builder
	for gpu := range 8 {
		s.members[member{wholeGPU, gpu}] = identity{uuid: fmt.Sprint("GPU-", gpu), index: fmt.Sprint(gpu)}
		fmt.Fprintf(&round, "%-10s", fmt.Sprintf("GPU %d", gpu))
		for range s.fields {
			fmt.Fprintf(&round, "%-14s", "0.640")
		}
		round.WriteByte('\n')
	}
	batch := sdk.NewBatch(env.Catalog)
	lines, text := d.lines(s), []byte(round.String())
	b.ReportAllocs()
	b.SetBytes(int64(round.Len()))
	for b.Loop() {
		batch.Reset()
		now := time.Now()
		lines.Feed(text, now, now.UnixNano())
		if err := lines.Settle(now); err != nil {
			b.Fatal(err)
		}
		p := <-d.packets.C
		d.unpack(batch, p)
		d.spares.GiveBack(p)
	}
}
