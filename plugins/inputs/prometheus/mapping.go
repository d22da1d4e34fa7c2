package prometheus

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed mappings/*.toml
var shipped embed.FS

// shippedNames are what `mappings` may name beside files.
func shippedNames() []string {
	entries, err := shipped.ReadDir("mappings")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// mappingFile is a file of mappings: how a server's samples become metrics of another name.
type mappingFile struct {
	Mapping []mappingTable `toml:"mapping" doc:"One for each kind of metric." required:"true"`
}

type mappingTable struct {
	Measurement  string            `toml:"measurement" doc:"Name of the metric." default:"inference"`
	Tags         map[string]string `toml:"tags" doc:"Tags, and the labels whose values they take. Samples that differ in other labels are added up."`
	ConstantTags map[string]string `toml:"constant_tags" doc:"Tags with a value of their own."`
	Fields       []fieldTable      `toml:"fields" doc:"Fields; of several with one name, the first that the page has counts." required:"true"`
}

type fieldTable struct {
	Name      string    `toml:"name" doc:"Name of the field." required:"true"`
	Unit      string    `toml:"unit" doc:"Its unit, where the vocabulary does not know it."`
	Gauge     string    `toml:"gauge" doc:"Sample that is taken as it is."`
	Counter   string    `toml:"counter" doc:"Sample that is taken as it is, and only grows."`
	Growth    string    `toml:"growth" doc:"Sample of which the growth since the last scrape is taken."`
	Histogram string    `toml:"histogram" doc:"Histogram of which quantiles are taken, over what came since the last scrape."`
	Over      string    `toml:"over" doc:"Sample to divide by: the growth by its growth, the gauge by its value."`
	Factor    float64   `toml:"factor" doc:"What to multiply by." default:"1"`
	Quantiles []float64 `toml:"quantiles" doc:"Of the histogram." default:"0.5,0.95,0.99" min:"0" max:"1"`
	Join      string    `toml:"join" doc:"What samples that become one value are: added up, or the greatest of them." default:"sum" enum:"sum|max"`
}

// Validate checks what concerns more than one key.
func (f *fieldTable) Validate() error {
	given := 0
	for _, source := range []string{f.Gauge, f.Counter, f.Growth, f.Histogram} {
		if source != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("needs one of `gauge`, `counter`, `growth` and `histogram`")
	case f.Over != "" && f.Gauge == "" && f.Growth == "":
		return errors.New("`over` belongs to `gauge` and `growth`")
	}
	return nil
}

// mapping is one that has been checked.
type mapping struct {
	measurement string
	tags        []sdk.Tag // ours, and the label that it comes from
	constant    []sdk.Tag
	rules       []rule
}

// rule says how a field is made.
type rule struct {
	op        operation
	of, over  *selector
	max       bool
	factor    float64
	fields    []sdk.Field // of a histogram, one for each quantile
	quantiles []float64
	cell      int // in each group
}

type operation uint8

const (
	level operation = iota // as it is
	growth
	spread // quantiles
)

// selector picks samples by name and labels.
type selector struct{ identity }

func (s *selector) picks(id *identity) bool {
	if s == nil || s.name != id.name {
		return false
	}
	for _, want := range s.labels {
		if !slices.Contains(id.labels, want) {
			return false
		}
	}
	return true
}

// loadMappings reads the mappings that names name: shipped ones, or files.
func loadMappings(names []string) ([]*mapping, error) {
	var all []*mapping
	var faults []error
	known := shippedNames()
	cells := 0
	for _, name := range names {
		var text []byte
		var err error
		if slices.Contains(known, name) {
			text, err = shipped.ReadFile("mappings/" + name + ".toml")
		} else {
			text, err = os.ReadFile(name)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("read the mapping %s: %w", name, err))
			continue
		}
		these, err := parseMappings(text, &cells)
		if err != nil {
			faults = append(faults, fmt.Errorf("mapping %s: %w", name, err))
		}
		all = append(all, these...)
	}
	return all, errors.Join(faults...)
}

// isShipped reports whether a mapping's name is that of a shipped one; a file has a suffix or a folder.
func isShipped(name string) bool {
	return filepath.Ext(name) == "" && !strings.ContainsRune(name, filepath.Separator)
}

// parseMappings reads a file of mappings, and numbers their fields from cells on. The error names all
// faults with their keys.
func parseMappings(text []byte, cells *int) ([]*mapping, error) {
	var table map[string]any
	if _, err := toml.Decode(string(text), &table); err != nil {
		return nil, err // with line and column
	}
	var file mappingFile
	var faults []error
	for _, f := range sdk.Configure(&file, table) {
		faults = append(faults, f)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	var all []*mapping
	for i := range file.Mapping {
		m, err := file.Mapping[i].build(cells)
		if err != nil {
			faults = append(faults, fmt.Errorf("`mapping.%d`: %w", i, err))
		}
		all = append(all, m)
	}
	return all, errors.Join(faults...)
}

func (t *mappingTable) build(cells *int) (*mapping, error) {
	m := &mapping{measurement: t.Measurement}
	for _, tag := range slices.Sorted(maps.Keys(t.Tags)) {
		m.tags = append(m.tags, sdk.Tag{Key: tag, Value: t.Tags[tag]})
	}
	for _, tag := range slices.Sorted(maps.Keys(t.ConstantTags)) {
		m.constant = append(m.constant, sdk.Tag{Key: tag, Value: t.ConstantTags[tag]})
	}
	var faults []error
	for i := range t.Fields {
		r, err := t.Fields[i].build(t.Measurement)
		if err != nil {
			faults = append(faults, fmt.Errorf("`fields.%d` (%s): %w", i, t.Fields[i].Name, err))
		}
		r.cell = *cells
		*cells++
		m.rules = append(m.rules, r)
	}
	return m, errors.Join(faults...)
}

func (f *fieldTable) build(measurement string) (rule, error) {
	r := rule{factor: f.Factor, max: f.Join == "max"}
	if err := f.Validate(); err != nil {
		return r, err
	}
	var faults []error
	pick := func(key, text, suffix string) *selector {
		if text == "" {
			return nil
		}
		id, err := parseIdentity([]byte(text))
		if err != nil {
			faults = append(faults, fmt.Errorf("`%s`: %q is not a sample such as name{label=\"value\"}: %w", key, text, err))
		}
		id.name += suffix
		return &selector{id}
	}
	kind := sdk.Gauge
	switch {
	case f.Gauge != "":
		r.of = pick("gauge", f.Gauge, "")
	case f.Counter != "":
		r.of, kind = pick("counter", f.Counter, ""), sdk.Counter
	case f.Growth != "":
		r.op, r.of = growth, pick("growth", f.Growth, "")
	default:
		r.op, r.of = spread, pick("histogram", f.Histogram, "_bucket")
	}
	r.over = pick("over", f.Over, "")
	if r.op != spread {
		r.fields = []sdk.Field{fieldOf(measurement, f.Name, f.Unit, kind)}
		return r, errors.Join(faults...)
	}
	r.quantiles = f.Quantiles
	for _, q := range f.Quantiles {
		r.fields = append(r.fields, fieldOf(measurement, quantileName(f.Name, q), f.Unit, kind))
	}
	return r, errors.Join(faults...)
}

// fieldOf returns the field that the vocabulary has or, where it has none, one of the given unit and kind.
func fieldOf(measurement, name, unit string, kind sdk.Kind) sdk.Field {
	if r, ok := vocabulary.Find(measurement, name); ok && r.Type.Numeric() {
		return r.Field
	}
	return sdk.Field{Name: name, Unit: sdk.Unit(unit), Type: sdk.Float, Kind: kind}
}

// quantileName puts p99 before the unit: latency_seconds becomes latency_p99_seconds.
func quantileName(name string, q float64) string {
	p := "_p" + strings.ReplaceAll(strconv.FormatFloat(math.Round(q*1e5)/1e3, 'f', -1, 64), ".", "_")
	for _, unit := range []string{"_seconds", "_bytes", "_ratio"} {
		if stem, ok := strings.CutSuffix(name, unit); ok {
			return stem + p + unit
		}
	}
	return name + p
}
