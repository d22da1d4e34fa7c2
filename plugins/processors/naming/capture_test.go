package naming

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// exported is a sample of dcgm-exporter's text.
type exported struct {
	name, kind string
	labels     map[string]string
	value      float64
}

var label = regexp.MustCompile(`(\w+)="([^"]*)"`)

// readExported reads the text of dcgm-exporter in a file of $GPULINE_CAPTURES.
func readExported(t *testing.T, name string) []exported {
	t.Helper()
	dir := os.Getenv("GPULINE_CAPTURES")
	if dir == "" {
		t.Skip("GPULINE_CAPTURES is not set: what dcgm-exporter printed is not at hand")
	}
	file, err := os.Open(filepath.Join(dir, "dcgm", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []exported
	kinds := make(map[string]string)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if words := strings.Fields(line); strings.HasPrefix(line, "# TYPE ") {
			kinds[words[2]] = words[3]
		}
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, "{")
		labels, number, ok := strings.Cut(rest, "} ")
		v, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s := exported{name: name, kind: kinds[name], labels: make(map[string]string), value: v}
		for _, pair := range label.FindAllStringSubmatch(labels, -1) {
			s.labels[pair[1]] = pair[2]
		}
		all = append(all, s)
	}
	return all
}

// TestTextOfDCGMExporter takes what dcgm-exporter printed back into our words, and finds the same metrics,
// types, labels and values in the other words again.
func TestTextOfDCGMExporter(t *testing.T) {
	for _, name := range []string{"exporter-h100-dcp.txt", "exporter-a100-dcp.txt", "exporter-h100-faults.txt"} {
		b := sdk.NewBatch(sdk.NewCatalog(sdk.Limits{}))
		want, known := []exported{}, map[string]bool{}
		for _, s := range readExported(t, name) {
			r, ok := vocabulary.ByDCGMName(s.name)
			if !ok {
				t.Errorf("%s: the vocabulary does not know %s", name, s.name)
				continue
			}
			known[s.name] = true
			device := vocabulary.Device{
				UUID: s.labels["UUID"], Index: s.labels["gpu"], Name: s.labels["modelName"], PCIBusID: s.labels["pci_bus_id"],
				Host: s.labels["hostname"], Source: vocabulary.SourceDCGM,
			}
			vocabulary.AddInfo(b, device.Tags(), 1).Set(vocabulary.Field(vocabulary.Info, "driver_version"), sdk.StringValue(s.labels[vocabulary.DCGMDriver]))
			b.Add(b.Series(vocabulary.GPU, device.Tags()...), 1).SetNumber(r.Field, r.DCGM.Ours(s.value))
			// Dashboards ask for Hostname, which newer versions write small. An XID's text is a label of
			// newer ones, too; a label that changes would make another series.
			s.labels["Hostname"] = s.labels["hostname"]
			delete(s.labels, "hostname")
			delete(s.labels, "err_code")
			delete(s.labels, "err_msg")
			want = append(want, s)
		}
		if len(known) < 18 {
			t.Errorf("%s: only %d metrics are known", name, len(known))
		}
		if err := build(t, "dcgm").Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		got := []exported{}
		for m := range b.All() {
			s := exported{name: m.Name(), kind: m.Field(0).Kind.String(), value: m.NumberAt(0)}
			if m.Field(0).Name != vocabulary.DCGMValue || m.Len() != 1 {
				t.Errorf("%s has the fields %+v", m.Name(), m.Schema().Fields())
			}
			s.labels = maps.Collect(func(yield func(string, string) bool) {
				for _, tag := range m.Series().Tags() {
					if !yield(tag.Key, tag.Value) {
						return
					}
				}
			})
			got = append(got, s)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(exported{})); d != "" {
			t.Errorf("%s: -dcgm-exporter +gpuline\n%s", name, d)
		}
	}
}
