package conf_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// dashboard is what the tests know of Grafana's model.
type dashboard struct {
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int               `json:"id"`
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Datasource map[string]string `json:"datasource"`
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

type variable struct {
	Name  string          `json:"name"`
	Type  string          `json:"type"`
	Query json.RawMessage `json:"query"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("grafana/gpuline.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	if d.UID == "" || d.SchemaVersion < 39 || len(d.Panels) < 10 {
		t.Fatalf("uid %q, schema %d, %d panels", d.UID, d.SchemaVersion, len(d.Panels))
	}
	defined := map[string]bool{"__rate_interval": true, "__range": true}
	for _, v := range d.Templating.List {
		if defined[v.Name] {
			t.Errorf("variable %s is there twice", v.Name)
		}
		defined[v.Name] = true
	}
	if len(d.Templating.List) == 0 || d.Templating.List[0].Type != "datasource" {
		t.Error("the first variable is no datasource")
	}
	ids := make(map[int]string)
	for i := range d.Panels {
		p := &d.Panels[i]
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%s and %s have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		g := p.GridPos
		if p.Title == "" || g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%q stands at %+v", p.Title, g)
		}
		for j := range d.Panels[:i] {
			o := d.Panels[j].GridPos
			if g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
				t.Errorf("%s lies on %s", p.Title, d.Panels[j].Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource["uid"] != "${datasource}" {
			t.Errorf("%s: %d queries of %q", p.Title, len(p.Targets), p.Datasource["uid"])
		}
		refs := make(map[string]bool)
		for _, q := range p.Targets {
			if q.RefID == "" || refs[q.RefID] {
				t.Errorf("%s: refId %q", p.Title, q.RefID)
			}
			refs[q.RefID] = true
			for _, name := range variableName.FindAllStringSubmatch(q.Expr, -1) {
				if !defined[name[1]] {
					t.Errorf("%s: there is no variable %s", p.Title, name[0])
				}
			}
		}
	}
}

var (
	variableName = regexp.MustCompile(`\$(\w+)`)
	metricName   = regexp.MustCompile(`\bgpu(?:line)?_[a-z0-9_]+\b`)
	matchers     = regexp.MustCompile(`\{[^}]*\}|\b(?:by|on) \([^)]*\)|, \w+\)`)
)

// mayBeMissing names what the simulated GPUs do not show, and why.
var mayBeMissing = map[string]string{
	"gpu_pcie_rx_bytes_per_second":   "stands in where a driver has no byte counters",
	"gpu_pcie_tx_bytes_per_second":   "stands in where a driver has no byte counters",
	"gpu_nvlink_rx_bytes_per_second": "stands in where a driver has no byte counters",
	"gpu_nvlink_tx_bytes_per_second": "stands in where a driver has no byte counters",

	"gpuline_child_cpu_seconds_total": "is of inputs in processes of their own",
}

// Each name that the dashboard and the alerting rules ask for is on the page of an agent.
func TestQueriedNamesAreOnThePage(t *testing.T) {
	page := servedPage(t)
	served := make(map[string]bool)
	for line := range strings.Lines(page) {
		if name := metricName.FindString(line); name != "" && !strings.HasPrefix(line, "#") {
			served[name] = true
		}
	}
	f := func(where, expr string) {
		t.Helper()
		for _, name := range metricName.FindAllString(matchers.ReplaceAllString(expr, ""), -1) {
			if !served[name] && mayBeMissing[name] == "" {
				t.Errorf("%s: there is no %s on the page", where, name)
			}
		}
	}
	d := readDashboard(t)
	asked := 0
	for i := range d.Panels {
		for _, q := range d.Panels[i].Targets {
			f(d.Panels[i].Title, q.Expr)
			asked++
		}
	}
	for _, v := range d.Templating.List {
		f(v.Name, string(v.Query))
	}
	rules := readRules(t)
	for name, expr := range rules {
		f(name, expr)
	}
	if asked < 30 || len(rules) < 15 || len(served) < 100 {
		t.Errorf("%d queries and %d rules about %d names: what was looked at?", asked, len(rules), len(served))
	}
	for name, why := range mayBeMissing {
		if served[name] {
			t.Errorf("%s is on the page, although %s", name, why)
		}
	}
}
