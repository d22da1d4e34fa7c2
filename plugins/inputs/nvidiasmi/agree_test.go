//go:build cgo

package nvidiasmi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/nvml"
	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// readings of one card: the last value of each field, as text where it is one.
type seen map[string]sdk.Value

func (s seen) take(b *sdk.Batch) {
	for m := range b.All() {
		if m.Name() != vocabulary.GPU && m.Name() != vocabulary.Info {
			continue
		}
		for slot := range m.Len() {
			v := m.Value(slot)
			if v.Type() == sdk.String {
				v = sdk.StringValue(strings.Clone(v.Text()))
			}
			s[m.Field(slot).Name] = v
		}
	}
}

// readNVML reads the card through inputs.nvml and the fake driver.
func readNVML(t *testing.T) seen {
	t.Helper()
	library, err := fakedriver.Build(t.TempDir())
	if errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip("there is no gcc to compile the fake driver with")
	}
	if err != nil {
		t.Fatal(err)
	}
	scenario := fakedriver.New(nil, 1)
	scenario.Loaded = -time.Minute
	for _, r := range card {
		if r.nvml != "" {
			scenario.Add("%s", r.nvml)
		}
	}
	for _, r := range cardTexts {
		for statement := range strings.SplitSeq(r.nvml, ";") {
			scenario.Add("%s", statement)
		}
	}
	if err := scenario.StartNow(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scenario")
	if err := scenario.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, path)
	var c nvml.Config
	sdk.Defaults(&c)
	c.Library, c.Isolate, c.SlowInterval = library, false, time.Second
	input, err := nvml.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	env := sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))
	env.Interval = 50 * time.Millisecond
	if err := input.(sdk.Opener).Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.(interface{ Close() error }).Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got, b := make(seen), sdk.NewBatch(env.Catalog)
	for len(got.lacks()) > 0 && ctx.Err() == nil {
		b.Reset()
		if _, err := input.(sdk.Reader).Read(ctx, b); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		got.take(b)
	}
	return got
}

// lacks returns the readings of the card that are not there.
func (s seen) lacks() (all []string) {
	for _, r := range card {
		if _, ok := s[r.field]; !ok {
			all = append(all, r.field)
		}
	}
	for _, r := range cardTexts {
		if _, ok := s[r.field]; !ok {
			all = append(all, r.field)
		}
	}
	return all
}

// readDocument reads the card from a document.
func readDocument(t *testing.T) seen {
	t.Helper()
	var s xmlText
	put := func(path, text string) {
		names := strings.Split(path, "/")
		for _, name := range names[:len(names)-1] {
			s.open(name)
		}
		s.leaf(names[len(names)-1], text)
		for _, name := range slices.Backward(names[:len(names)-1]) {
			s.close(name)
		}
	}
	s.open("nvidia_smi_log")
	for _, r := range cardTexts {
		if above, ok := strings.CutPrefix(r.xml, "../"); ok {
			put(above, r.want)
		}
	}
	s.line(`<gpu id="00000000:1A:00.0">`)
	s.leaf("uuid", "GPU-0100-0")
	for _, r := range card {
		if path, text, ok := strings.Cut(r.xml, ": "); ok {
			put(path, text)
		}
	}
	for _, r := range cardTexts {
		if r.xml != "" && !strings.HasPrefix(r.xml, "../") {
			put(r.xml, r.want)
		}
	}
	s.line("</gpu>")
	s.close("nvidia_smi_log")
	f, b, got := newFleet(testConfig(), nil), newBatch(), make(seen)
	if err := f.document(b, []byte(s.String()), 1, nil); err != nil {
		t.Fatal(err)
	}
	got.take(b)
	return got
}

// readRow reads the card from a row of nvidia-smi --query-gpu.
func readRow() seen {
	c := testConfig()
	cells := make(map[string]string)
	for _, r := range card {
		if name, cell, ok := strings.Cut(r.csv, ": "); ok {
			c.Query, cells[name] = append(c.Query, name), cell
		}
	}
	for _, r := range cardTexts {
		if r.csv != "" {
			c.Query, cells[r.csv] = append(c.Query, r.csv), r.want
		}
	}
	p, _ := newPlan(c.wanted(), new(properties))
	row := []string{"0", "GPU-0100-0", "NVIDIA T1000X", "00000000:1A:00.0"}
	for _, name := range p.names() {
		cell, ok := cells[name]
		if !ok {
			cell = "[N/A]"
		}
		row = append(row, cell)
	}
	f, b, got := newFleet(c, nil), newBatch(), make(seen)
	f.row(b, p, []byte(strings.Join(row, ", ")), 1)
	got.take(b)
	return got
}

// TestAgreesWithNVML reads one card by every way there is: through go-nvml and the fake driver, from a document, and
// from a row. Each reading is compared with what the card is.
func TestAgreesWithNVML(t *testing.T) {
	compare := func(who string, got seen, field, want string) {
		t.Helper()
		v, ok := got[field]
		n, _ := v.Number()
		var w float64
		if _, err := fmt.Sscan(want, &w); err != nil || v.Type() == sdk.String {
			if !ok || v.Text() != want {
				t.Errorf("%s: %s is %q, want %q", who, field, v.Text(), want)
			}
			return
		}
		if !ok || math.Abs(n-w) > 1e-6*math.Abs(w) {
			t.Errorf("%s: %s is %v %v, want %v", who, field, n, ok, w)
		}
	}
	driver, document, row := readNVML(t), readDocument(t), readRow()
	for _, r := range card {
		want := fmt.Sprint(r.want)
		compare("inputs.nvml", driver, r.field, want)
		if r.xml != "" {
			compare("a document", document, r.field, want)
		}
		if r.csv != "" {
			compare("a row", row, r.field, want)
		}
	}
	for _, r := range cardTexts {
		compare("inputs.nvml", driver, r.field, r.want)
		if r.xml != "" {
			compare("a document", document, r.field, r.want)
		}
		if r.csv != "" {
			compare("a row", row, r.field, r.want)
		}
	}
}

// TestTheCardHasAll: whatever both NVML and nvidia-smi give is compared, in documents and in rows.
func TestTheCardHasAll(t *testing.T) {
	xml, csv := make(map[string]bool), make(map[string]bool)
	for _, r := range card {
		xml[r.field], csv[r.field] = r.xml != "", r.csv != ""
	}
	for _, r := range cardTexts {
		xml[r.field], csv[r.field] = r.xml != "", r.csv != ""
	}
	for _, r := range vocabulary.All() {
		if r.NVML == "" || r.Metric != vocabulary.GPU && r.Metric != vocabulary.Info {
			continue
		}
		if r.XML != "" && !xml[r.Name] || r.CSV != "" && !csv[r.Name] {
			t.Errorf("%s, %q in a document and %q in a row, is not on the card", r.Name, r.XML, r.CSV)
		}
	}
}
