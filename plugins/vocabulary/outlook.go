package vocabulary

import (
	"slices"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// Outlook returns what is known of the metrics of an input that gives these readings.
func Outlook(gives func(Reading) bool) sdk.Outlook {
	o := sdk.Outlook{Fields: make(map[string][]sdk.Field), Whole: true}
	for _, r := range table.readings {
		fields := o.Fields[r.Metric] // a measurement of which nothing is given stands there, too
		if gives(r) {
			fields = append(fields, r.Field)
		}
		o.Fields[r.Metric] = fields
	}
	return o
}

// Sources returns the values of TagSource under which a reading comes, as the table tells: the names of inputs.
func (r *Reading) Sources() []string {
	var all []string
	add := func(source string, gives bool) {
		if gives {
			all = append(all, source)
		}
	}
	derived := r.Metric == GPU && slices.Contains([]string{"up", "memory_used_ratio"}, r.Name)
	add(SourceNVML, r.NVML != "")
	add(SourceNvidiaSMI, r.XML != "" || r.CSV != "" || derived)
	add(SourceDCGM, r.DCGM.ID != 0 || derived)
	add(SourceTegrastats, r.Tegra != "" || derived)
	return all
}

// From returns what is known of the metrics of an input; they have events among them.
func From(source string) sdk.Outlook {
	return Outlook(func(r Reading) bool { return r.Metric == Event || slices.Contains(r.Sources(), source) })
}

// Remedy says what a field that no metric will have was probably meant to be, or what would give it.
func Remedy(o sdk.Outlook, metric, field string) string {
	fields, _ := o.Of(metric)
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	if r, ok := elsewhere(field); ok && r.Metric == metric && slices.Contains(names, r.Name) {
		return "did you mean `" + r.Name + "`?"
	}
	if r, ok := Find(metric, field); ok && len(r.Sources()) > 0 {
		return "it comes from inputs." + strings.Join(r.Sources(), ", inputs.")
	}
	if whole := withUnit(field, names); whole != "" {
		return "did you mean `" + whole + "`?"
	}
	if near := sdk.Nearest(field, names); near != "" {
		return "did you mean `" + near + "`?"
	}
	return "docs/metrics.md has the names of fields"
}

// withUnit returns the shortest name that goes on where another one ends, as power_watts does with power.
func withUnit(name string, names []string) (whole string) {
	for _, n := range names {
		if strings.HasPrefix(n, name+"_") && (whole == "" || len(n) < len(whole)) {
			whole = n
		}
	}
	return whole
}

// elsewhere returns the reading that another agent or nvidia-smi calls name.
func elsewhere(name string) (Reading, bool) {
	for _, by := range []func(string) (Reading, bool){ByTelegraf, ByCSV, ByDCGMName} {
		if r, ok := by(name); ok {
			return r, true
		}
	}
	return Reading{}, false
}
