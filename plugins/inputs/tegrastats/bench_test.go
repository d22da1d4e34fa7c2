package tegrastats

import (
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/child"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const thorLine = "08-08-2026 21:00:39 RAM 8353/125749MB (lfb 31x4MB) SWAP 0/0MB (cached 0MB) CPU [90%@2601,75%@2601,off,7%@2601,1%@972,0%@972,0%@972,3%@972,0%@972,1%@972,0%@972,0%@972,5%@972,2%@972] " +
	"EMC_FREQ 34%@4266 GR3D_FREQ 87%@[1574,1574,1574] NVENC0_FREQ @1691 NVENC1_FREQ off NVDEC0_FREQ off NVJPG0_FREQ off PVA0_FREQ off VIC off APE 300 OFA off " +
	"cpu@58.25C/61.75C tj@66.625C/66.625C gpu@56.937C/66.625C soc012@55.375C/58.781C soc345@55.812C/60.031C " +
	"VDD_GPU 37939mW/8660mW/37939mW VDD_CPU_SOC_MSS 30059mW/12281mW/30059mW VIN_SYS_5V0 15486mW/7424mW/15486mW VIN 124486mW/36487mW/124486mW\n"

// BenchmarkParse reads a line of a Thor with 14 cores.
func BenchmarkParse(b *testing.B) {
	var s sheet
	line := []byte(thorLine[:len(thorLine)-1])
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if !s.parse(line) {
			b.Fatal("no readings")
		}
	}
}

// BenchmarkLine takes the same line the whole way from the pipe's bytes to metrics.
func BenchmarkLine(b *testing.B) {
	line := wholeWay(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(thorLine)))
	for b.Loop() {
		line()
	}
}

// BenchmarkSysfs reads a tree of files: on a Jetson the kernel, and the sensors' bus, take their time besides.
func BenchmarkSysfs(b *testing.B) {
	gather := fromSysfs(b)
	b.ReportAllocs()
	for b.Loop() {
		gather()
	}
}

func wholeWay(t testing.TB) func() {
	in := &Input{sysfs: openSysfs(plant(t, orin())), board: newBoard(identity{model: "X"}), env: &sdk.Env{Now: time.Now}, invalid: new(sdk.Number)}
	t.Cleanup(func() { _ = in.sysfs.close() })
	f := &follower{in: in, spares: child.NewSpares[sheet](1), noise: new(sdk.Number)}
	f.packets, f.lines = child.NewMailbox(1, f.lose), f.listen()
	batch := newBatch()
	return func() {
		if now := time.Now(); f.lines.Feed([]byte(thorLine), now, now.UnixNano()) == 0 {
			t.Fatal("no readings")
		}
		batch.Reset()
		p := <-f.packets.C
		in.report(batch, p.sheet)
		f.spares.GiveBack(p.sheet)
		if batch.Len() < 36 {
			t.Fatal(batch.Len())
		}
	}
}

func fromSysfs(t testing.TB) func() {
	y, d, batch := openSysfs(plant(t, orin())), newBoard(identity{model: "X"}), newBatch()
	t.Cleanup(func() { _ = y.close() })
	var s sheet
	return func() {
		batch.Reset()
		y.read(&s)
		s.at++
		d.report(batch, &s)
		if batch.Len() < 8 {
			t.Fatal(batch.Len())
		}
	}
}

func TestAllocations(t *testing.T) {
	for name, once := range map[string]func(){"a line": wholeWay(t), "a reading of /sys": fromSysfs(t)} {
		once()
		if n := testing.AllocsPerRun(100, once); n != 0 {
			t.Errorf("%v allocations %s, want none", n, name)
		}
	}
}
