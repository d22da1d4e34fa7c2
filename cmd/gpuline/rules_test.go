package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/all"
)

const shippedTests = "../../conf/tests/alerts.test.toml"

// rulesTest runs the tests in a file and returns the exit status with all that was written.
func rulesTest(name string) (status int, said string) {
	var out bytes.Buffer
	status = execute([]string{"rules", "test", name}, program{stdout: &out, stderr: &out, registry: all.Plugins()})
	return status, out.String()
}

func TestShippedRules(t *testing.T) {
	if status, said := rulesTest(shippedTests); status != 0 || !strings.HasPrefix(said, "ok ") {
		t.Errorf("exit status %d:\n%s", status, said)
	}
}

// TestShippedRulesAreHeld changes each condition and each duration of the shipped rules, and finds changes
// that the shipped tests do not see. One run has a change in each of the rules.
func TestShippedRulesAreHeld(t *testing.T) {
	dir := t.TempDir()
	tests := filepath.Join(dir, "tests", "alerts.test.toml")
	save(t, tests, load(t, shippedTests))
	save(t, filepath.Join(dir, "gpuline.toml"), load(t, "../../conf/gpuline.toml"))
	lines := strings.Split(load(t, "../../conf/alerts.toml"), "\n")
	found := mutations(lines)
	for n := 0; ; n++ {
		changed, ran := slices.Clone(lines), false
		for _, list := range found {
			if n < len(list) {
				changed[list[n].line], ran = list[n].text, true
			}
		}
		if !ran {
			break
		}
		save(t, filepath.Join(dir, "alerts.toml"), strings.Join(changed, "\n"))
		_, said := rulesTest(tests)
		for rule, list := range found {
			if n < len(list) && !strings.Contains(said, " rule "+rule+" ") {
				t.Errorf("no test fails with %s instead of %s\n%s", list[n].text, lines[list[n].line], said)
			}
		}
	}
	if len(found) < 19 {
		t.Errorf("%d rules: are they still read right?", len(found))
	}
}

func load(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func save(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mutation is a line that says something else.
type mutation struct {
	line int
	text string
}

// mutations returns what can be changed, by rule. The max_gap above a rule is taken for a part of it.
func mutations(lines []string) map[string][]mutation {
	found := make(map[string][]mutation)
	rule, gap := "", -1
	for i, line := range lines {
		key, value, _ := strings.Cut(line, " = ")
		switch key {
		case "name":
			rule = strings.Trim(value, `"`)
			if gap >= 0 {
				found[rule], gap = append(found[rule], changes(gap, lines[gap])...), -1
			}
		case "max_gap":
			gap = i
		case "when", "clear", "for":
			found[rule] = append(found[rule], changes(i, line)...)
		}
	}
	return found
}

// changes returns a line with each of its levels and durations three times as large and a third as
// large, without each of its codes, and without each part of its condition.
func changes(at int, line string) []mutation {
	var all []mutation
	for _, place := range part.FindAllStringIndex(line, -1) {
		all = append(all, mutation{at, line[:place[0]] + line[place[1]:]})
	}
	for _, place := range number.FindAllStringSubmatchIndex(line, -1) {
		n, err := strconv.ParseFloat(line[place[2]:place[3]], 64)
		if err != nil {
			continue
		}
		larger := max(1, 3*n)
		if line[place[3]] == '%' {
			larger = min(larger, 99) // no ratio is more than 1
		}
		for _, other := range [...]float64{n / 3, larger} {
			if other != n {
				all = append(all, mutation{at, line[:place[2]] + strconv.FormatFloat(other, 'f', 3, 64) + line[place[3]:]})
			}
		}
	}
	return all
}

var (
	number = regexp.MustCompile(`[ "]([0-9]+)[%Csm" ]`)
	part   = regexp.MustCompile(`, "[0-9]+"|"[0-9]+", |event == "xid" and | and code in .*\)|throttle_reasons has hw_slowdown or |throttle_reasons has hw_thermal or | or throttle_reasons has power_brake`)
)

// TestRulesInDocumentation runs what docs/rules.md shows. A block of TOML there begins with the name of its
// file.
func TestRulesInDocumentation(t *testing.T) {
	dir := t.TempDir()
	page := load(t, "../../docs/rules.md")
	for _, block := range block.FindAllStringSubmatch(page, -1) {
		save(t, filepath.Join(dir, block[2]), block[1])
	}
	var trace bytes.Buffer
	w := gzip.NewWriter(&trace)
	for s := range 180 {
		_, _ = fmt.Fprintf(w, "gpu,gpu_index=0 temperature_celsius=%d %d000000000\n", 60+s, 1000+s)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "incident.lp.gz"), trace.String())
	f := func(name string, want int, line string) {
		t.Helper()
		status, said := rulesTest(filepath.Join(dir, name))
		said = strings.ReplaceAll(said, dir+string(filepath.Separator), "")
		if status != want || !strings.Contains(said, line) {
			t.Errorf("%s: exit status %d, said %q, want %q in it", name, status, said, line)
		}
		if !strings.Contains(page, strings.TrimSuffix(line, "\n")) {
			t.Errorf("the page does not show %q", line)
		}
	}
	f("hot.test.toml", 0, "ok    hot fires after a minute and clears below 72 °C\n")
	f("incident.test.toml", 0, "the incident of 3 March is noticed within two minutes")
	hot := filepath.Join(dir, "hot.toml")
	save(t, hot, strings.Replace(load(t, hot), `"1m"`, `"2m"`, 1))
	f("hot.test.toml", 1, "FAIL  hot fires after a minute and clears below 72 °C: from 1m10s to 1m39s rule hot of gpu_index=0 "+
		"is clear at times, want active (never active) [hot.test.toml:15]\n")
}

var block = regexp.MustCompile("(?s)```toml(?: tests)?\n(# ([a-z.]+\\.toml)\n.*?)```")
