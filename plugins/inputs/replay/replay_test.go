package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write writes a file into a new folder and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type run struct {
	*Replay
	catalog *sdk.Catalog
	log     bytes.Buffer
}

func open(t testing.TB, c Config) *run {
	t.Helper()
	r, err := New(&c)
	if err != nil {
		t.Fatal(err)
	}
	run := &run{Replay: r, catalog: sdk.NewCatalog(sdk.Limits{})}
	env := sdktest.Env(t, run.catalog)
	env.Log = slog.New(slog.NewTextHandler(&run.log, nil))
	if err := r.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return run
}

// all reads to the end, and returns the metrics and the errors on the way.
func (r *run) all(t testing.TB) (lines []string, faults []error) {
	t.Helper()
	b := sdk.NewBatch(r.catalog)
	for range 10_000 {
		b.Reset()
		ack, err := r.Read(t.Context(), b)
		if ack != nil {
			t.Fatal("an Ack")
		}
		lines = append(lines, sdktest.Dump(b)...)
		if errors.Is(err, sdk.ErrEnd) || errors.Is(err, sdk.ErrPermanent) {
			return lines, append(faults, err)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	t.Fatal("no end")
	return nil, nil
}

func check(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestContract(t *testing.T) {
	path := write(t, "x.lp", "gpu,gpu_index=0 power_watts=300.5 1000\ngpu,gpu_index=0 power_watts=301 2000\n")
	sdktest.TestReader(t, func(t testing.TB) sdk.Reader {
		r, err := New(&Config{Files: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.lp":    "m f=1 1\nm f=2 2",
		"b.lp":    "",
		"c.lp":    gzipped(t, "m f=3 3\n"), // by its first bytes
		"d.lp.gz": gzipped(t, "m f=4 4\n") + gzipped(t, "m f=5 5\n"),
		"e[1].lp": "m f=6 6\n",
		"f.lp.gz": "m f=7 7\nm f=7 7\n", // is none
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(files string, want string, wantErrs ...string) {
		t.Helper()
		var paths []string
		for name := range strings.FieldsSeq(files) {
			paths = append(paths, filepath.Join(dir, name))
		}
		lines, faults := open(t, Config{Files: paths}).all(t)
		check(t, strings.Join(lines, "; "), want)
		var errs []string
		for _, err := range faults {
			errs = append(errs, strings.ReplaceAll(err.Error(), dir+"/", ""))
		}
		check(t, errs, wantErrs)
	}
	const end, one = "end", "1 of the files could not be read to the end"
	f("a.lp", "m f=1 1; m f=2 2", end)
	f("c.lp a.lp", "m f=3 3; m f=1 1; m f=2 2", end)
	f("b.lp", "", end)
	f("d.lp.gz", "m f=4 4; m f=5 5", end)
	f("[bc].lp", "m f=3 3", end)
	f("e[1].lp", "m f=6 6", end)
	f("none.lp a.lp", "m f=1 1; m f=2 2", "open none.lp: no such file or directory", one)
	f("x*.lp a.lp", "m f=1 1; m f=2 2", "read x*.lp: no file matches", one)
	f("[.lp a.lp", "m f=1 1; m f=2 2", "read [.lp: syntax error in pattern", one)
	f("f.lp.gz a.lp", "m f=1 1; m f=2 2", "read f.lp.gz: decompress: gzip: invalid header", one)
	f("none.lp", "", "open none.lp: no such file or directory", "none of the files could be opened")
}

// Of a file that was cut, the whole lines are read; the last, which is not whole, is not taken for one.
func TestCutFile(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "m f=%d\n", i*7919)
	}
	whole := gzipped(t, text.String())
	r := open(t, Config{Files: []string{write(t, "x.lp.gz", whole[:len(whole)/2])}})
	r.now = func() time.Time { return time.Unix(0, 1) }
	lines, faults := r.all(t)
	if len(faults) != 2 || !errors.Is(faults[0], io.ErrUnexpectedEOF) {
		t.Errorf("faults %v", faults)
	}
	if len(lines) < 1000 || len(lines) > 19_000 || r.badLines.Get() != 1 {
		t.Errorf("%d lines, %v bad", len(lines), r.badLines.Get())
	}
	for i, line := range lines {
		if want := fmt.Sprintf("m f=%v 1", sdk.FloatValue(float64(i*7919))); line != want {
			t.Fatalf("%s, want %s", line, want)
		}
	}
}

func TestBadLines(t *testing.T) {
	var text strings.Builder
	for i := range 20 {
		fmt.Fprintf(&text, "m f=%d %d\nbad line %d\n", i, i, i)
	}
	path := write(t, "x.lp", text.String())
	r := open(t, Config{Files: []string{path}})
	lines, _ := r.all(t)
	check(t, len(lines), 20)
	check(t, r.badLines.Get(), 20.0)
	check(t, strings.Count(r.log.String(), "bad line left out"), namedErrors)
	for _, want := range []string{path + ":2:9", path + ":10:9", "more bad lines were left out", "count=15"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, r.log.String())
		}
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", lineprotocol.MaxLine)
	f := func(text, want string, bad float64) {
		t.Helper()
		r := open(t, Config{Files: []string{write(t, "x.lp", text)}})
		lines, faults := r.all(t)
		if len(faults) != 1 {
			t.Errorf("faults %v", faults)
		}
		for i, line := range lines {
			if len(line) > 100 {
				lines[i] = fmt.Sprintf("%d bytes", len(line))
			}
		}
		check(t, strings.Join(lines, "; "), want)
		check(t, r.badLines.Get(), bad)
	}
	f("m f=1 1\n"+long+" f=2 2\nm f=3 3\n", "m f=1 1; m f=3 3", 1)
	f("m f=1 1\n"+long+long+long+" f=2 2\nm f=3 3\nbad\n", "m f=1 1; m f=3 3", 2)
	f("m f=1 1\n"+long+long, "m f=1 1", 1)
	f("m s=\""+long[:lineprotocol.MaxLine-20]+"\" 1\nm f=3 3\n", fmt.Sprintf("%d bytes; m f=3 3", lineprotocol.MaxLine-12), 0)
	// A quote that is never closed costs its line, not the rest of the file.
	rest := strings.Repeat("m f=2 2\n", 200_000)
	f("m s=\"open 1\n"+rest, strings.TrimSuffix(strings.Repeat("m f=2 2; ", 200_000), "; "), 1)
	f("m s=\"two\nlines\" 1\nm f=3 3\n", `m s="two\nlines" 1; m f=3 3`, 0)
}

func TestChunks(t *testing.T) {
	var text strings.Builder
	var want []string
	for i := range 20_000 { // 1.4 MB: lines lie across chunks
		fmt.Fprintf(&text, "gpu,gpu_index=%d power_watts=%d.5,text=\"line %d\nof two\" %d\n", i%8, i, i, i)
		want = append(want, fmt.Sprintf(`gpu,gpu_index=%d power_watts=%d.5,text="line %d\nof two" %d`, i%8, i, i, i))
	}
	for _, c := range []string{text.String(), gzipped(t, text.String())} {
		got, _ := open(t, Config{Files: []string{write(t, "x.lp", c)}}).all(t)
		check(t, got, want)
	}
}

func TestOptions(t *testing.T) {
	path := write(t, "x.lp", "gpu power_watts=300i,energy_joules=5i,a_total=1i,b_sum=2i 1500\nm f=1\n")
	r := open(t, Config{Files: []string{path}, Precision: "ms", Counters: []string{"*_sum"}})
	r.now = func() time.Time { return time.Unix(7, 0) }
	b := sdk.NewBatch(r.catalog)
	if _, err := r.Read(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	check(t, sdktest.DumpFull(b), []string{
		"gpu power_watts:gauge:watts=300,energy_joules:counter:joules=5,a_total:gauge:=1i,b_sum:counter:=2i 1500000000",
		"m f:gauge:=1 7000000000",
	})
}

func TestLoopEndsWhereNothingIsRead(t *testing.T) {
	lines, faults := open(t, Config{Files: []string{write(t, "x.lp", "# nothing\n")}, Loop: true}).all(t)
	if len(lines) != 0 || len(faults) != 1 {
		t.Errorf("%v %v", lines, faults)
	}
}

func TestSeriesCap(t *testing.T) {
	path := write(t, "x.lp", "m,a=1 f=1 1\nm,a=2 f=1 1\nm,a=3 f=1 1\n")
	for _, speed := range []float64{0, 1} {
		r := open(t, Config{Files: []string{path}, Speed: speed})
		env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{Series: 2}))
		if err := r.Open(t.Context(), env); err != nil {
			t.Fatal(err)
		}
		b := sdk.NewBatch(env.Catalog)
		var err error
		for err == nil {
			_, err = r.Read(t.Context(), b)
		}
		check(t, *b.Tally(), sdk.Tally{Added: 3, Drops: []sdk.Drop{{Reason: sdk.DropSeriesCap, Count: 1}}})
	}
}

func TestConfig(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		_, err := New(&c)
		if got := fmt.Sprint(err); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(Config{Files: []string{"a", "-"}}, "<nil>")
	f(Config{}, "`files`: names no file: write files = [\"x.lp\"], or [\"-\"] for standard input")
	f(Config{Files: []string{"-", "-"}}, "`files`: names standard input twice")
	f(Config{Files: []string{"-"}, Loop: true}, "`loop`: cannot be done with standard input: read a file")
	f(Config{Files: []string{"a"}, Precision: "h"}, "`precision`: unknown precision \"h\": use ns, us, ms or s")
}

func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	const lines = 10_000
	for i := range lines {
		fmt.Fprintf(&text, "gpu,gpu_index=%d,host=node-17 power_watts=%d.25,utilization_ratio=0.%02d,memory_used_bytes=%di %d\n", i%8, 200+i%100, i%100, i, i)
	}
	r := open(b, Config{Files: []string{write(b, "x.lp", text.String())}, Loop: true})
	batch := sdk.NewBatch(r.catalog)
	b.SetBytes(int64(text.Len() / lines))
	b.ReportAllocs()
	for n := 0; n < b.N; n += batch.Len() {
		batch.Reset()
		if _, err := r.Read(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
