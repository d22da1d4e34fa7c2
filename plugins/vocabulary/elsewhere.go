package vocabulary

import (
	"math"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// What other vocabularies call the things around the readings.
const (
	// TelegrafMeasurement is where Telegraf writes the fields of this table.
	TelegrafMeasurement = "nvidia_smi"

	// DCGMValue is the field of a metric that bears DCGM's name itself.
	DCGMValue = "value"

	DCGMDevice = "device" // label: nvidia0, by the device's number
	DCGMDriver = "DCGM_FI_DRIVER_VERSION"

	TelegrafPState      = "pstate" // tags
	TelegrafComputeMode = "compute_mode"
)

// Dashboards know the readings' devices by these.
var (
	dcgmTags = map[string]string{
		TagHost: "Hostname", TagUUID: "UUID", TagIndex: "gpu", TagName: "modelName", TagPCI: "pci_bus_id", TagGI: "GPU_I_ID", TagSource: "",
	}
	telegrafTags = map[string]string{TagUUID: "uuid", TagIndex: "index", TagName: "name", TagPCI: "", TagSource: ""}
)

// DCGMTag returns dcgm-exporter's label for a tag of a [Device]. It is empty for a tag that dcgm-exporter does not
// have. Other tags are not known, and keep their name.
func DCGMTag(key string) (label string, known bool) {
	label, known = dcgmTags[key]
	return label, known
}

// TelegrafTag is DCGMTag for Telegraf's nvidia_smi.
func TelegrafTag(key string) (tag string, known bool) {
	tag, known = telegrafTags[key]
	return tag, known
}

// Name is what another vocabulary calls a field of ours.
type Name struct {
	Measurement string // its metric; of DCGM, one for each field
	Field       sdk.Field
	Result      bool // a window made it

	factor float64
}

// Value returns v as the other vocabulary writes it, and false for a value that it cannot hold.
func (n *Name) Value(v sdk.Value) (sdk.Value, bool) {
	if v.Type() == n.Field.Type && (n.factor == 0 || n.factor == 1) {
		return v, true
	}
	number, ok := v.Number()
	if !ok || !n.Field.Type.Numeric() {
		return sdk.Value{}, false
	}
	number = theirs(number, n.factor)
	// A share of 0.07 is 7 %, and not a bit more.
	if whole := math.Round(number); n.Field.Type != sdk.Float || math.Abs(number-whole) < 1e-12*math.Abs(number) {
		number = whole
	}
	return sdk.FloatValue(number).As(n.Field.Type)
}

// AsDCGM returns what dcgm-exporter calls a field: a metric for each, with the one field DCGMValue. It
// knows nothing of windows: to the name of a result, our suffix is added. Texts have no place there.
func AsDCGM(measurement, field string) (Name, bool) {
	r, s := resolve(measurement, field)
	if r == nil || r.DCGM.ID == 0 || r.Type == sdk.String {
		return Name{}, false
	}
	n := Name{
		Measurement: r.DCGM.Name + s.Suffix,
		Field:       sdk.Field{Name: DCGMValue, Type: sdk.Float, Kind: r.dcgmKind()},
		Result:      s.Suffix != "",
		factor:      r.DCGM.Factor,
	}
	if n.Result {
		n.Field.Kind = s.field(r.Field).Kind
	}
	if s.Suffix == "_max_time" {
		n.Field.Type = sdk.Int // a float has no room for nanoseconds
	}
	if !s.scales() {
		n.factor = 0
	}
	return n, true
}

// AsTelegraf returns what Telegraf's nvidia_smi calls a field. To the name of a result, our suffix is added. Where that
// is the name of another field already, as power_limit_max is a setting, the result has no name there.
func AsTelegraf(measurement, field string) (Name, bool) {
	r, s := resolve(measurement, field)
	if r == nil || r.Telegraf.Field == "" {
		return Name{}, false
	}
	n := Name{Measurement: TelegrafMeasurement, Field: r.telegrafField(), Result: s.Suffix != "", factor: r.Telegraf.Factor}
	if n.Result {
		n.Field, _ = ResultField(n.Field, s.Suffix)
		n.Field.Unit = ""
		if _, taken := ByTelegraf(n.Field.Name); taken {
			return Name{}, false
		}
	}
	if !s.scales() {
		n.factor = 0
	}
	return n, true
}

// noResult is the Result of a field that no window made: its suffix is empty.
var noResult Result

// resolve returns the reading that a field belongs to, or nil, and which result of it the field is.
func resolve(measurement, field string) (*Reading, *Result) {
	if r := table.find(measurement, field); r != nil {
		return r, &noResult
	}
	for i := range results {
		if base, ok := strings.CutSuffix(field, results[i].Suffix); ok {
			if r := table.find(measurement, base); r != nil && r.Type.Numeric() {
				return r, &results[i]
			}
		}
	}
	return nil, nil
}

// scales reports whether a result is in the unit of its field.
func (r *Result) scales() bool {
	switch r.Suffix {
	case "_max_time", "_above_seconds", "_excursions", "_samples", "_resolution_seconds":
		return false
	}
	return true
}

// dcgmKind returns the type that dcgm-exporter's counters files give. The bandwidth of NVLink is a
// counter there, though it is a rate.
func (r *Reading) dcgmKind() sdk.Kind {
	if r.Kind == sdk.Counter || r.DCGM.Name == "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL" {
		return sdk.Counter
	}
	return sdk.Gauge
}

// telegrafField returns the field with the type that Telegraf writes, since a database refuses another
// one: floats for watts, ints for all other numbers.
func (r *Reading) telegrafField() sdk.Field {
	f := sdk.Field{Name: r.Telegraf.Field, Type: sdk.Int, Kind: r.Kind}
	if r.Type == sdk.String || r.Unit == "watts" {
		f.Type = r.Type
	}
	return f
}
