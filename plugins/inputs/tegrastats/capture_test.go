package tegrastats

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// captured returns the lines that real Jetsons printed.
func captured(t testing.TB) []string {
	t.Helper()
	root := os.Getenv("GPULINE_CAPTURES")
	if root == "" {
		t.Skip("GPULINE_CAPTURES is not set: it names the folder of captures of real Jetsons")
	}
	files, err := filepath.Glob(filepath.Join(root, "tegrastats/*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures of tegrastats in %s: %v", root, err)
	}
	var lines []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// The oracle reads a line with one expression for each kind of thing, and in no order.
var (
	oracleMemory = regexp.MustCompile(`\b(RAM|SWAP) (\d+)/(\d+)MB`)
	oracleGPU    = regexp.MustCompile(`\bGR3D_FREQ (\d+)%(?:@\[?([\d,]+))?`)
	oracleEMC    = regexp.MustCompile(`\bEMC_FREQ (\d+)%(?:@(\d+))?`)
	oracleCores  = regexp.MustCompile(`\bCPU \[([^]]+)\]`)
	oracleZone   = regexp.MustCompile(`\b([A-Za-z]\w*)@(-?[\d.]+)C`)
	oracleRail   = regexp.MustCompile(`\b([A-Z]\w*) (\d+)(?:mW)?(?:/\d+(?:mW)?)?( |$)`)
	oracleEngine = regexp.MustCompile(`\b(NV\w+|VIC|OFA|PVA\w+|APE) (off|\d+)\b`)
)

// oracle returns what a line says, as describeSet writes it.
func oracle(line string) map[string]float64 {
	want := map[string]float64{}
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			panic(err)
		}
		return v
	}
	for _, m := range oracleMemory.FindAllStringSubmatch(line, -1) {
		want["memory "+m[1]+" used_bytes"], want["memory "+m[1]+" total_bytes"] = number(m[2])*1048576, number(m[3])*1048576
		if m[1] == "RAM" {
			want["memory_used_bytes"], want["memory_total_bytes"] = number(m[2])*1048576, number(m[3])*1048576
		}
	}
	if m := oracleGPU.FindStringSubmatch(line); m != nil {
		want["utilization_ratio"] = number(m[1]) / 100
		for _, clock := range strings.Split(m[2], ",") {
			if clock != "" {
				want["clock_sm_hertz"] = max(want["clock_sm_hertz"], number(clock)*1e6)
			}
		}
	}
	if m := oracleEMC.FindStringSubmatch(line); m != nil {
		want["memory_activity_ratio"] = number(m[1]) / 100
		if m[2] != "" {
			want["clock_memory_hertz"] = number(m[2]) * 1e6
		}
	}
	if m := oracleCores.FindStringSubmatch(line); m != nil {
		for i, core := range strings.Split(m[1], ",") {
			key := "cpu " + strconv.Itoa(i)
			if core == "off" {
				want[key+" powered"] = 0
				continue
			}
			busy, clock, _ := strings.Cut(core, "%@")
			want[key+" powered"], want[key+" utilization_ratio"], want[key+" clock_hertz"] = 1, number(busy)/100, number(clock)*1e6
		}
	}
	for _, m := range oracleZone.FindAllStringSubmatch(line, -1) {
		if number(m[2]) == -256 || m[1] == "PMIC" {
			continue
		}
		want["zone "+m[1]+" temperature_celsius"] = number(m[2])
		if strings.EqualFold(m[1], "gpu") {
			want["temperature_celsius"] = number(m[2])
		}
	}
	for _, m := range oracleRail.FindAllStringSubmatch(line, -1) {
		if m[1] != "APE" {
			want["rail "+m[1]+" power_watts"] = number(m[2]) / 1000
		}
	}
	for _, m := range oracleEngine.FindAllStringSubmatch(line, -1) {
		want["engine "+m[1]+" powered"] = 0
		if m[2] != "off" {
			want["engine "+m[1]+" powered"], want["engine "+m[1]+" clock_hertz"] = 1, number(m[2])*1e6
		}
	}
	return want
}

// collect returns the fields of a sheet that the oracle knows.
func collect(s *sheet) map[string]float64 {
	got := map[string]float64{}
	for i := range gpuFields {
		if name := gpuFields[i].Name; s.gpu.has(slot(i)) && name != "memory_free_bytes" && name != "memory_used_ratio" {
			got[name] = s.gpu.v[i]
		}
	}
	for i := range s.parts {
		p := &s.parts[i]
		if strings.Contains("fg bg", string(p.name)) {
			continue
		}
		for k := range socFields {
			name := socFields[k].Name
			if p.has(slot(k)) && !strings.HasPrefix(name, "largest") && name != "cached_bytes" {
				got[fmt.Sprintf("%s %s %s", components[p.component], p.name, name)] = p.v[k]
			}
		}
	}
	return got
}

func TestCaptures(t *testing.T) {
	var s sheet
	noise := 0
	for _, line := range captured(t) {
		if !s.parse([]byte(line)) {
			noise++
			continue
		}
		compare(t, &s, line)
	}
	if noise > 1 {
		t.Errorf("%d lines hold no readings", noise)
	}
}

// TestVariants takes tokens of some lines out and puts those of others in: whatever a release leaves out or
// puts in another order, each token says what it says.
func TestVariants(t *testing.T) {
	lines := slices.DeleteFunc(captured(t), func(line string) bool { return !strings.Contains(line, "GR3D_FREQ") })
	token := regexp.MustCompile(`(?:RAM|SWAP) \S+ \([^)]*\)|(?:[A-Za-z]\w*) \[[^]]*\]|MTS fg \S+ bg \S+|[A-Za-z]\w* [^ A-Za-z(]\S*|[A-Z]\w* off|\w+@\S+C`)
	rng := rand.New(rand.NewPCG(7, 7))
	var s sheet
	for range 500 {
		seen := map[string]bool{}
		var variant []string
		for range 3 {
			for _, tok := range token.FindAllString(lines[rng.IntN(len(lines))], -1) {
				name := strings.FieldsFunc(tok, func(r rune) bool { return r == ' ' || r == '@' })[0]
				kind := strings.ToLower(name)
				if strings.HasSuffix(tok, "C") && strings.Contains(tok, "@") {
					kind += "@"
				}
				if rng.IntN(4) == 0 || seen[kind] {
					continue
				}
				seen[kind] = true
				variant = append(variant, tok)
			}
		}
		rng.Shuffle(len(variant), func(i, j int) { variant[i], variant[j] = variant[j], variant[i] })
		line := strings.Join(variant, " ")
		if known := s.parse([]byte(line)); known != (seen["ram"] || seen["gr3d_freq"]) {
			t.Fatalf("%s: %v", line, known)
		}
		compare(t, &s, line)
		if t.Failed() {
			return
		}
	}
}

func compare(t *testing.T, s *sheet, line string) {
	t.Helper()
	got, want := collect(s), oracle(line)
	for key, v := range want {
		if w, ok := got[key]; !ok || w != v {
			t.Errorf("%s is %v %v, want %v, in\n%s", key, w, ok, v, line)
		}
		delete(got, key)
	}
	if len(got) > 0 || s.invalid > 0 {
		t.Errorf("%v, and %d invalid, are not in\n%s", got, s.invalid, line)
	}
}

// TestTorn cuts captured lines anywhere. What stands before the cut, but for the token at it, is read.
func TestTorn(t *testing.T) {
	var whole, torn sheet
	for _, line := range captured(t)[:20] {
		whole.parse([]byte(line))
		want := collect(&whole)
		for cut := range len(line) {
			torn.parse([]byte(line[:cut]))
			wrong := 0
			for key, v := range collect(&torn) {
				if w, ok := want[key]; !ok || w != v {
					wrong++
				}
			}
			// A number that is cut is another number; of RAM it is seen in two places.
			if wrong > 2 {
				t.Errorf("%d readings differ in %s", wrong, line[:cut])
			}
		}
	}
}

func TestNothingOfALineIsKept(t *testing.T) {
	var s sheet
	line := []byte("GR3D_FREQ 1% gpu@5C VDD_IN 5mW/5mW")
	s.parse(line)
	before := describe(&s)
	copy(line, bytes.Repeat([]byte("x"), len(line)))
	if after := describe(&s); after != before {
		t.Errorf("%s, and %s once the caller's buffer is used again", before, after)
	}
}
