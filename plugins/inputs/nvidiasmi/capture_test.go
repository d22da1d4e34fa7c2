package nvidiasmi

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// captures returns what real cards and drivers printed, as files of a folder.
func captures(t testing.TB, pattern string) []string {
	t.Helper()
	root := os.Getenv("GPULINE_CAPTURES")
	if root == "" {
		t.Skip("GPULINE_CAPTURES is not set: it names the folder of captures of real cards")
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures like %s in %s: %v", pattern, root, err)
	}
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newBatch() *sdk.Batch { return sdk.NewBatch(sdk.NewCatalog(sdk.Limits{})) }

func testConfig() *Config {
	c := new(Config)
	sdk.Defaults(c)
	return c
}

func TestCapturedDocuments(t *testing.T) {
	for _, file := range append(captures(t, "xml/*.xml"), captures(t, "mock/*.xml")...) {
		t.Run(filepath.Base(file), func(t *testing.T) { checkDocument(t, read(t, file)) })
	}
}

// checkDocument compares the whole of a document with what the naive parser finds in it.
func checkDocument(t *testing.T, data []byte) {
	t.Helper()
	log, err := parseNaively(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	f, b := newFleet(testConfig(), nil), newBatch()
	f.begin(b, 1, 1, true)
	if err := f.document(b, data, 1, nil); err != nil {
		t.Fatal(err)
	}
	f.complete(b, 2)
	rows, infos := byUUID(t, b, vocabulary.GPU), byUUID(t, b, vocabulary.Info)
	gpus := log.all("gpu")
	if len(gpus) == 0 || len(rows) != len(gpus) {
		t.Errorf("%d GPUs, want %d", len(rows), len(gpus))
	}
	processes, instances := 0, 0
	for i, gpu := range gpus {
		uuid := gpu.text("uuid")
		m := rows[uuid]
		if m == nil {
			t.Errorf("GPU %s is missing", uuid)
			continue
		}
		want := expect(&log, gpu, vocabulary.GPU)
		lost := lost(gpu)
		want["up"] = map[bool]float64{false: 1, true: 0}[lost]
		compare(t, m, want)
		if info := infos[uuid]; info != nil && !lost {
			compare(t, info, expect(&log, gpu, vocabulary.Info))
		} else if !lost {
			t.Errorf("GPU %s has no gpu_info", uuid)
		}
		bus := gpu.text("pci/pci_bus_id")
		if bus == "" {
			bus = gpu.ID
		}
		index := fmt.Sprint(i)
		if attached, err := strconv.Atoi(log.text("attached_gpus")); err == nil && attached > len(gpus) {
			index = "" // who knows which ones are left out
		}
		for key, want := range map[string]string{
			"gpu_name": gpu.text("product_name"), "pci_bus_id": bus, "gpu_index": index, "source": "nvidia_smi",
		} {
			if got := m.Tag(key); got != want {
				t.Errorf("tag %s is %q, want %q", key, got, want)
			}
		}
		for _, p := range gpu.all("processes/process_info") {
			if strings.HasSuffix(p.text("used_memory"), "MiB") {
				processes++
			}
		}
		instances += len(gpu.all("mig_devices/mig_device"))
	}
	counts := count(b)
	if counts["process"] != min(processes, 32*len(gpus)) || counts["instance"] != instances {
		t.Errorf("%d processes and %d MIG instances, want %d and %d", counts["process"], counts["instance"], processes, instances)
	}
	if n := counts["event ecc"]; n > 0 {
		t.Errorf("%d events of memory errors that were there before", n)
	}
	if t.Failed() {
		t.Log(describe(b))
	}
	b.Reset()
	f.begin(b, 2, 2e9, true)
	if err := f.document(b, data, 2e9, nil); err != nil {
		t.Error(err)
	}
	for m := range b.All() {
		if m.Class() == sdk.ClassEvent {
			t.Errorf("nothing has changed, and yet %s", m.Series())
		}
	}
}

func count(b *sdk.Batch) map[string]int {
	n := make(map[string]int)
	for m := range b.All() {
		switch {
		case m.Name() == vocabulary.Process:
			n["process"]++
		case m.Tag(vocabulary.TagGI) != "":
			n["instance"]++
		case m.Name() == vocabulary.Event:
			n["event "+m.Tag(vocabulary.TagEvent)]++
		}
	}
	return n
}

// A section of a session: what one command printed.
type section struct{ command, output string }

func sections(data []byte) (all []section) {
	rule := strings.Repeat("#", 80) + "\n"
	parts := strings.Split(string(data), rule)
	for i := 1; i+1 < len(parts); i += 2 {
		command := ""
		for line := range strings.Lines(parts[i]) {
			if rest, ok := strings.CutPrefix(line, "# $ nvidia-smi "); ok {
				command = strings.TrimSpace(rest)
			}
		}
		all = append(all, section{command, parts[i+1]})
	}
	return all
}

func TestCapturedSessions(t *testing.T) {
	for _, file := range captures(t, "session/*.txt") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var known *properties
			queries := 0
			for _, s := range sections(read(t, file)) {
				switch {
				case s.command == "--help-query-gpu":
					known = parseHelp([]byte(s.output))
				case strings.HasPrefix(s.command, "--query-gpu="):
					names, _, _ := strings.Cut(strings.TrimPrefix(s.command, "--query-gpu="), " ")
					checkNames(t, known, strings.Split(names, ","))
					checkQuery(t, strings.Split(names, ","), s.output)
					queries++
				}
			}
			if known == nil || queries < 2 {
				t.Errorf("%d queries found, help: %v", queries, known != nil)
			}
		})
	}
}

// checkNames compares what the help lists with what whoever recorded the session asked for.
func checkNames(t *testing.T, known *properties, asked []string) {
	t.Helper()
	groups := make(map[int]bool)
	for _, name := range asked {
		g, ok := known.find(name)
		if !ok {
			t.Errorf("%s is not known", name)
		}
		groups[g] = true
	}
	if all := slices.Collect(maps.Values(known.groups)); slices.Max(all) != len(groups) {
		t.Errorf("the help lists %d properties, %d were asked for", slices.Max(all), len(groups))
	}
}

// checkQuery reads the rows of a query with units, and of the same without, and compares both with what
// encoding/csv and the naive parser make of it.
func checkQuery(t *testing.T, names []string, output string) {
	t.Helper()
	r := csv.NewReader(strings.NewReader(output))
	r.TrimLeadingSpace = true
	records, err := r.ReadAll()
	if err != nil || len(records) < 2 {
		t.Fatalf("%d lines, %v", len(records), err)
	}
	for _, record := range records[1:] {
		cell := make(map[string]string)
		for i, name := range names {
			cell[name] = record[i]
		}
		want := map[string]any{"up": 1.0}
		var slots []int
		for i := range readings {
			r := &readings[i]
			if r.CSV == "" || r.Metric != vocabulary.GPU {
				continue
			}
			slots = append(slots, i)
			for _, name := range append([]string{r.CSV}, r.CSVOlder...) {
				if v, ok := naive(&r.Reading, cell[name]); ok && cell[name] != "" {
					want[r.Name] = v
					break
				}
			}
		}
		used, some := want["memory_used_bytes"].(float64)
		if total, all := want["memory_total_bytes"].(float64); some && all {
			reserved, _ := want["memory_reserved_bytes"].(float64)
			want["memory_used_ratio"] = used / (total - reserved)
		}
		known := &properties{groups: make(map[string]int)}
		for i, name := range names {
			known.groups[name] = i
		}
		p, _ := newPlan(slots, known)
		for _, units := range []bool{true, false} {
			header, row := render(p, records[0], names, cell, units)
			b := newBatch()
			f := newFleet(testConfig(), nil)
			f.begin(b, 1, 1, true)
			if p.classify([]byte(header)) != lineHeader || p.classify([]byte(row)) != lineRow {
				t.Fatalf("header %q and row %q are not told", header, row)
			}
			f.row(b, p.withHeader(split(nil, []byte(header))), []byte(row), 1)
			m := byUUID(t, b, vocabulary.GPU)[cell["uuid"]]
			if m == nil {
				t.Fatalf("no row: %s", describe(b))
			}
			compare(t, m, want)
		}
	}
}

// render writes the columns of a plan as nvidia-smi would.
func render(p *plan, header, names []string, cell map[string]string, units bool) (head, row string) {
	var heads, cells []string
	add := func(name string) {
		heads = append(heads, header[slices.Index(names, name)])
		v := cell[name]
		if parts := numberAndUnit.FindStringSubmatch(v); !units && parts != nil {
			v = parts[1]
		}
		cells = append(cells, v)
	}
	for _, name := range identityNames {
		add(name)
	}
	for _, c := range p.columns {
		add(c.name)
	}
	return strings.Join(heads, ", "), strings.Join(cells, ", ")
}

func TestCapturedCSV(t *testing.T) {
	for _, file := range captures(t, "csv/*.csv") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := csv.NewReader(bytes.NewReader(read(t, file)))
			r.TrimLeadingSpace = true
			records, err := r.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, h := range records[0] {
				name, _, _ := strings.Cut(h, " ")
				names = append(names, name)
			}
			for i, record := range records[1:] {
				cell := map[string]string{"index": string(rune('0' + i)), "name": "GPU", "pci.bus_id": "00000000:01:00.0"}
				for i, name := range names {
					cell[name] = record[i]
				}
				checkCells(t, names, records[0], cell)
			}
		})
	}
}

func checkCells(t *testing.T, names, header []string, cell map[string]string) {
	t.Helper()
	for _, name := range identityNames {
		if !slices.Contains(names, name) {
			names, header = append(slices.Clone(names), name), append(slices.Clone(header), name)
		}
	}
	var head, row []string
	for i, name := range names {
		head, row = append(head, header[i]), append(row, cell[name])
	}
	checkQuery(t, names, strings.Join(head, ", ")+"\n"+strings.Join(row, ", ")+"\n")
}
