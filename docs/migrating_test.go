package docs_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gpuline/gpuline/plugins/outputs/prometheus"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

const migrating = "migrating.md"

// TestMigratingTables holds the generated tables.
func TestMigratingTables(t *testing.T) {
	page := readPage(t, migrating)
	dcgm := "| dcgm-exporter | gpuline | factor | nvidia-smi |\n|---|---|---|---|\n"
	telegraf := "| Telegraf | gpuline | factor |\n|---|---|---|\n"
	for _, r := range vocabulary.All() {
		if r.DCGM.ID != 0 {
			given := "yes"
			if r.XML == "" && r.Name != "memory_used_ratio" {
				given = "–"
			}
			dcgm += "| `" + r.DCGM.Name + "` | `" + onPage(t, r) + "` | " + factor(r.DCGM.Theirs(1)) + " | " + given + " |\n"
		}
		if r.Telegraf.Field != "" {
			ours := "`" + r.Name + "`"
			if r.Metric != vocabulary.GPU {
				ours += " of `" + r.Metric + "`"
			}
			telegraf += "| `" + r.Telegraf.Field + "` | " + ours + " | " + factor(r.Telegraf.Theirs(1)) + " |\n"
		}
	}
	page = replacePart(t, page, "<!-- dcgm -->\n", dcgm)
	page = replacePart(t, page, "<!-- telegraf -->\n", telegraf)
	hold(t, migrating, page)
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// part returns what stands between a mark and the next end.
func part(t *testing.T, page, mark string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, mark)
	text, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("no %q … %q", mark, end)
	}
	return text
}

func replacePart(t *testing.T, page, mark, text string) string {
	t.Helper()
	return strings.Replace(page, mark+part(t, page, mark), mark+text, 1)
}

func factor(f float64) string {
	if f == 1 {
		return ""
	}
	if f < 1 {
		return "1/" + strconv.FormatFloat(1/f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// TestMigratingNames checks that every name of ours and of DCGM on the page is one.
func TestMigratingNames(t *testing.T) {
	page := readPage(t, migrating)
	known := map[string]bool{"gpu_process": true, "gpu_event": true}
	for _, tag := range []string{vocabulary.TagUUID, vocabulary.TagIndex, vocabulary.TagName} {
		known[tag] = true
	}
	for _, name := range families(scrape(t, everything)) {
		known[name] = true
	}
	for _, name := range regexp.MustCompile(`\bgpu_[a-z0-9_]+`).FindAllString(page, -1) {
		if !known[name] {
			t.Errorf("%s is no metric of gpuline", name)
		}
	}
	for _, name := range regexp.MustCompile(`\bDCGM_FI_[A-Z0-9_]+[A-Z0-9]\b`).FindAllString(page, -1) {
		if _, ok := vocabulary.ByDCGMName(name); !ok && name != "DCGM_FI_PROF" {
			t.Errorf("%s is no field of DCGM", name)
		}
	}
}

// TestMigratingFromNvidiaGPUExporter checks the table that is written by hand: that exporter makes its names of
// nvidia-smi's, and a unit.
func TestMigratingFromNvidiaGPUExporter(t *testing.T) {
	theirs := make(map[string]string)
	for _, r := range vocabulary.All() {
		if r.CSV == "" {
			continue
		}
		for _, csv := range append([]string{r.CSV}, r.CSVOlder...) {
			if csv == "" {
				continue
			}
			theirs["nvidia_smi_"+strings.ReplaceAll(csv, ".", "_")] = onPage(t, r)
		}
	}
	row := regexp.MustCompile("(?m)^\\| `(nvidia_smi_[a-z_]+)` \\| `(gpu_[^`]+)` \\|$")
	rows := row.FindAllStringSubmatch(part(t, readPage(t, migrating), "<!-- nvidia_gpu_exporter -->\n"), -1)
	if len(rows) < 30 {
		t.Errorf("%d rows", len(rows))
	}
	for _, r := range rows {
		name := r[1]
		for _, unit := range []string{"_ratio", "_bytes", "_watts", "_clock_hz", "_seconds"} {
			name = strings.TrimSuffix(name, unit)
		}
		if theirs[name] != r[2] {
			t.Errorf("%s is %q, not %q", r[1], theirs[name], r[2])
		}
	}
}

// onPage returns what a reading is called at /metrics.
func onPage(t *testing.T, r vocabulary.Reading) string {
	t.Helper()
	if r.Type == sdk.String {
		return "gpu_info{" + r.Name + "=…}"
	}
	text := scrape(t, func(b *sdk.Batch) { add(b, r) })
	names := families(text)
	if len(names) == 0 {
		t.Fatalf("%s is not on the page:\n%s", r.Name, text)
	}
	name := names[len(names)-1] // gpu_info comes first
	if reason := regexp.MustCompile(`reason="[a-z_]+"`).FindString(text); reason != "" {
		name += "{" + reason + "}"
	}
	return name
}

// add adds a metric with one reading.
func add(b *sdk.Batch, r vocabulary.Reading) *sdk.Metric {
	m := b.Add(b.Series(r.Metric, sdk.Tag{Key: vocabulary.TagUUID, Value: "GPU-0"}), 1)
	switch r.Metric {
	case vocabulary.Info, vocabulary.Pod:
		m.SetClass(sdk.ClassInfo)
	case vocabulary.Event:
		m.SetClass(sdk.ClassEvent)
	}
	if r.Type == sdk.String {
		m.Set(r.Field, sdk.StringValue("x"))
	} else {
		m.SetNumber(r.Field, 1)
	}
	return m
}

// everything adds every reading, and every result of each.
func everything(b *sdk.Batch) {
	for _, r := range vocabulary.All() {
		add(b, r)
		if r.Metric != vocabulary.GPU {
			continue
		}
		for _, result := range vocabulary.Results() {
			field, ok := vocabulary.ResultField(r.Field, result.Suffix)
			if !ok {
				continue
			}
			m := b.Add(b.Series(r.Metric, sdk.Tag{Key: vocabulary.TagWindow, Value: "10s"}), 1)
			m.SetClass(sdk.ClassResult)
			m.SetNumber(field, 1)
		}
	}
}

// scrape returns the page that Prometheus would get of a batch.
func scrape(t *testing.T, fill func(*sdk.Batch)) string {
	t.Helper()
	var config prometheus.Config
	sdk.Defaults(&config)
	p, err := prometheus.New(&config)
	if err != nil {
		t.Fatal(err)
	}
	catalog := sdk.NewCatalog(sdk.Limits{})
	env := sdktest.Env(t, catalog)
	if err := p.Open(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	b := sdk.NewBatch(catalog)
	fill(b)
	if err := p.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	env.Mux.(*sdktest.Mux).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// families returns the names of what is on a page of metrics.
func families(page string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^(gpu_[a-z0-9_]+)[{ ]`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}
