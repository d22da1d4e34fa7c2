package nvidiasmi

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// A second, naive way to read a document: encoding/xml, a tree, regular expressions.

type element struct {
	XMLName  xml.Name
	ID       string    `xml:"id,attr"`
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func parseNaively(r io.Reader) (root element, err error) {
	d := xml.NewDecoder(r)
	d.Strict = false
	err = d.Decode(&root)
	return root, err
}

// all returns the elements at a path, whose last name may be a prefix with "*".
func (e *element) all(path string) (found []*element) {
	name, rest, more := strings.Cut(path, "/")
	for i := range e.Children {
		c := &e.Children[i]
		start, wild := strings.CutSuffix(name, "*")
		if c.XMLName.Local != name && (!wild || !strings.HasPrefix(c.XMLName.Local, start)) {
			continue
		}
		if !more {
			found = append(found, c)
			continue
		}
		found = append(found, c.all(rest)...)
	}
	return found
}

func (e *element) text(path string) string {
	for _, c := range e.all(path) {
		return strings.TrimSpace(c.Text)
	}
	return ""
}

var (
	numberAndUnit = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?)(?: ?(%|MiB|W|C|MHz|KB/s|us|mV|x|bank\(s\)))?$`)
	hexMask       = regexp.MustCompile(`^0x[0-9A-Fa-f]{16}$`)
)

// naive reads one value of a reading, as nvidia-smi prints it.
func naive(r *vocabulary.Reading, text string) (any, bool) {
	text = strings.TrimSpace(text)
	switch {
	case r.Type == sdk.String:
		switch text {
		case "", "N/A", "ERR!", "GPU is lost", "Requested functionality has been deprecated", "Insufficient Permissions":
			return nil, false
		}
		return text, text[0] != '['
	case r.Name == "pstate":
		v, err := strconv.ParseFloat(strings.TrimPrefix(text, "P"), 64)
		return v, err == nil
	case hexMask.MatchString(text):
		v, err := strconv.ParseUint(text[2:], 16, 64)
		return float64(v), err == nil
	case r.Name == "recovery_action":
		return 0.0, text == "None"
	case text == "Yes" || text == "No":
		return map[string]float64{"Yes": 1, "No": 0}[text], true
	}
	parts := numberAndUnit.FindStringSubmatch(text)
	if parts == nil {
		return nil, false
	}
	v, _ := strconv.ParseFloat(parts[1], 64)
	units := map[string]sdk.Unit{"%": "ratio", "MiB": "bytes", "W": "watts", "C": "celsius", "MHz": "hertz", "KB/s": "bytes_per_second", "us": "seconds", "mV": "volts"}
	if parts[2] != "" && units[parts[2]] != r.Unit {
		return nil, false
	}
	switch parts[2] {
	case "%":
		v /= 100
	case "MiB":
		v *= 1024 * 1024
	case "MHz":
		v *= 1e6
	case "KB/s":
		v *= 1000
	case "us":
		v /= 1e6
	case "":
		if strings.HasSuffix(r.Name, "latency_seconds") {
			v /= 1e6
		}
	}
	return v, true
}

// expect returns what a GPU of a document should report in a measurement.
func expect(log, gpu *element, metric string) map[string]any {
	want := make(map[string]any)
	for _, r := range vocabulary.All() {
		if r.Metric != metric || r.XML == "" {
			continue
		}
		for _, path := range strings.Split(r.XML, ", ") {
			if v, ok := expectAt(log, gpu, &r, path); ok {
				want[r.Name] = v
				break
			}
		}
	}
	if metric == vocabulary.GPU {
		used, some := want["memory_used_bytes"].(float64)
		total, all := want["memory_total_bytes"].(float64)
		reserved, _ := want["memory_reserved_bytes"].(float64)
		if some && all {
			want["memory_used_ratio"] = used / (total - reserved)
		}
	}
	return want
}

func expectAt(log, gpu *element, r *vocabulary.Reading, path string) (any, bool) {
	base := gpu
	if rest, up := strings.CutPrefix(path, "../"); up {
		base, path = log, rest
	}
	if r.Name == "throttle_reasons" {
		return expectReasons(base.all(path))
	}
	paths := []string{path}
	if before, rest, ok := strings.Cut(path, "{"); ok {
		inner, after, _ := strings.Cut(rest, "}")
		paths = nil
		for _, part := range strings.Split(inner, ",") {
			paths = append(paths, before+part+after)
		}
	}
	var sum any
	for _, path := range paths {
		for _, e := range base.all(path) {
			v, ok := naive(r, e.Text)
			if (len(paths) > 1 || strings.HasSuffix(path, "*")) && strings.Trim(e.Text, "[] ") == "Unknown Error" {
				return nil, false
			}
			if f, number := v.(float64); ok && number && sum != nil {
				sum = sum.(float64) + f
			} else if ok {
				sum = v
			}
		}
	}
	return sum, sum != nil
}

func expectReasons(parents []*element) (any, bool) {
	bits := map[string]int{
		"gpu_idle": 1, "applications_clocks_setting": 2, "sw_power_cap": 4, "hw_slowdown": 8, "sync_boost": 16,
		"sw_thermal_slowdown": 32, "hw_thermal_slowdown": 64, "hw_power_brake_slowdown": 128, "display_clocks_setting": 256,
	}
	mask, some := 0, false
	for _, p := range parents {
		for _, c := range p.Children {
			name := strings.TrimPrefix(strings.TrimPrefix(c.XMLName.Local, "clocks_event_reason_"), "clocks_throttle_reason_")
			switch c.Text {
			case "Active":
				mask |= bits[name]
				some = true
			case "Not Active":
				some = some || bits[name] != 0
			}
		}
	}
	return float64(mask), some
}

// lost reports whether one of the elements that the vocabulary knows says that the GPU is lost.
func lost(gpu *element) bool {
	says := func(e *element) bool { return strings.TrimSpace(e.Text) == "GPU is lost" }
	for _, r := range vocabulary.All() {
		for path := range strings.SplitSeq(strings.NewReplacer("{sram,dram}", "dram").Replace(r.XML), ", ") {
			if r.Metric == vocabulary.Process {
				continue
			}
			parent, _, nested := strings.Cut(path, "/")
			found := gpu.all(path)
			if r.Name == "throttle_reasons" {
				for _, p := range gpu.all(path) {
					for i := range p.Children {
						if strings.Contains(p.Children[i].XMLName.Local, "_reason_") {
							found = append(found, &p.Children[i])
						}
					}
				}
			}
			if nested {
				found = append(found, gpu.all(parent)...)
			}
			found = append(found, gpu.all(strings.Replace(path, "dram", "sram", 1))...)
			if slices.ContainsFunc(found, says) {
				return true
			}
		}
	}
	return false
}

// compare checks the fields of m against want.
func compare(t *testing.T, m *sdk.Metric, want map[string]any) {
	t.Helper()
	got := make(map[string]any)
	for slot := range m.Len() {
		v := m.Value(slot)
		if n, ok := v.Number(); ok {
			got[m.Field(slot).Name] = n
		} else {
			got[m.Field(slot).Name] = v.Text()
		}
	}
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			t.Errorf("%s: %s is absent, want %v", m.Series(), name, w)
			continue
		}
		if f, number := w.(float64); number {
			if n, ok := g.(float64); !ok || math.Abs(n-f) > 1e-12*math.Max(1, math.Abs(f)) {
				t.Errorf("%s: %s = %v, want %v", m.Series(), name, g, w)
			}
		} else if g != w {
			t.Errorf("%s: %s = %v, want %v", m.Series(), name, g, w)
		}
	}
	for name, g := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s = %v, want nothing", m.Series(), name, g)
		}
	}
}

// byUUID returns the metrics of a measurement without those of MIG instances, by UUID.
func byUUID(t *testing.T, b *sdk.Batch, metric string) map[string]*sdk.Metric {
	t.Helper()
	all := make(map[string]*sdk.Metric)
	for m := range b.All() {
		if m.Name() != metric || m.Tag(vocabulary.TagGI) != "" || m.Tag(vocabulary.TagPID) != "" {
			continue
		}
		uuid := m.Tag(vocabulary.TagUUID)
		if all[uuid] != nil {
			t.Errorf("%s of %s comes twice", metric, uuid)
		}
		all[uuid] = m
	}
	return all
}

func describe(b *sdk.Batch) string {
	var s strings.Builder
	for m := range b.All() {
		fmt.Fprintf(&s, "%s", m.Series())
		for slot := range m.Len() {
			fmt.Fprintf(&s, " %s=%v", m.Field(slot).Name, m.Value(slot))
		}
		s.WriteByte('\n')
	}
	return s.String()
}
