//go:build cgo

package nvml

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// fieldReading is a reading that the driver gives by number: many of them are one call.
type fieldReading struct {
	id, scope uint32 // NVML_FI_…, see fieldID
	field     sdk.Field
	factor    float64 // the driver's number × factor is in our unit
	wraps     bool    // see wrapped
	count     *wrapped
}

// Scopes of readings of power, and the one that stands for all links.
const (
	scopeGPU    = nvml.POWER_SCOPE_GPU
	scopeModule = nvml.POWER_SCOPE_MODULE
	scopeMemory = nvml.POWER_SCOPE_MEMORY
	allLinks    = math.MaxUint32
)

// powerReadings stand in for the ring of power while it is silent.
var powerReadings = []fieldReading{
	{186, scopeGPU, gpuField("power_watts"), 1e-3, false, nil},
}

// normalReadings are read in the normal tier.
var normalReadings = []fieldReading{
	{185, scopeGPU, gpuField("power_average_watts"), 1e-3, false, nil},
	{186, scopeModule, gpuField("module_power_watts"), 1e-3, false, nil},
	{185, scopeModule, gpuField("module_power_average_watts"), 1e-3, false, nil},
	{185, scopeMemory, gpuField("memory_power_watts"), 1e-3, false, nil},
	{82, 0, gpuField("memory_temperature_celsius"), 1, false, nil},
	{74, 0, gpuField("throttle_sw_power_seconds"), 1e-9, false, nil},
	{269, 0, gpuField("throttle_sw_thermal_seconds"), 1e-9, false, nil},
	{270, 0, gpuField("throttle_hw_thermal_seconds"), 1e-9, false, nil},
	{271, 0, gpuField("throttle_power_brake_seconds"), 1e-9, false, nil},
	{76, 0, gpuField("throttle_sync_boost_seconds"), 1e-9, false, nil},
	{75, 0, gpuField("throttle_thermal_seconds"), 1e-9, false, nil},
	{77, 0, gpuField("throttle_board_limit_seconds"), 1e-9, false, nil},
	{78, 0, gpuField("throttle_low_utilization_seconds"), 1e-9, false, nil},
	{79, 0, gpuField("throttle_reliability_seconds"), 1e-9, false, nil},
	{138, allLinks, gpuField("nvlink_tx_bytes"), 1024, false, nil},
	{139, allLinks, gpuField("nvlink_rx_bytes"), 1024, false, nil},
	{202, allLinks, gpuField("nvlink_tx_bytes"), 1, false, nil}, // NVLink 5
	{204, allLinks, gpuField("nvlink_rx_bytes"), 1, false, nil},
	{230, 0, gpuField("recovery_action"), 1, false, nil},
}

// trafficReadings are read with those, and more often where they would wrap unseen, see traffic.
var trafficReadings = []fieldReading{
	{197, 0, gpuField("pcie_tx_bytes"), 1, true, nil},
	{198, 0, gpuField("pcie_rx_bytes"), 1, true, nil},
}

// slowReadings are read in the slow tier.
var slowReadings = []fieldReading{
	{190, scopeModule, gpuField("module_power_limit_watts"), 1e-3, false, nil},
	{3, 0, gpuField("ecc_corrected_errors"), 1, false, nil},
	{4, 0, gpuField("ecc_uncorrected_errors"), 1, false, nil},
	{5, 0, gpuField("ecc_corrected_aggregate_errors"), 1, false, nil},
	{6, 0, gpuField("ecc_uncorrected_aggregate_errors"), 1, false, nil},
	{142, 0, gpuField("remapped_rows_correctable"), 1, false, nil},
	{143, 0, gpuField("remapped_rows_uncorrectable"), 1, false, nil},
	{144, 0, gpuField("row_remap_pending"), 1, false, nil},
	{145, 0, gpuField("row_remap_failed"), 1, false, nil},
	{29, 0, gpuField("retired_pages_single_bit"), 1, false, nil},
	{30, 0, gpuField("retired_pages_double_bit"), 1, false, nil},
	{31, 0, gpuField("retired_pages_pending"), 1, false, nil},
	{94, 0, gpuField("pcie_replays"), 1, false, nil},
	{38, 0, gpuField("nvlink_crc_errors"), 1, false, nil},
	{52, 0, gpuField("nvlink_replays"), 1, false, nil},
	{59, 0, gpuField("nvlink_recoveries"), 1, false, nil},
	{215, allLinks, gpuField("nvlink_recoveries"), 1, false, nil}, // NVLink 5
}

// fieldSet is the readings of one tier that a GPU supports; those that it refuses leave it.
type fieldSet struct {
	all, readings []fieldReading
	values        []nvml.FieldValue
}

func newFieldSet(readings []fieldReading, lib *library) fieldSet {
	s := fieldSet{all: slices.Clone(readings), values: make([]nvml.FieldValue, len(readings))}
	for i := range s.all {
		s.all[i].id = lib.fieldID(s.all[i].id)
		if s.all[i].wraps {
			s.all[i].count = new(wrapped)
		}
	}
	s.readings = slices.Clone(s.all)
	return s
}

// fieldID returns the number by which this driver knows a field of nvml.h. Those of throttle times moved when
// power smoothing took their numbers, which nvml.h says can never be.
func (l *library) fieldID(id uint32) uint32 {
	if id >= nvml.FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN && id <= nvml.FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN &&
		l.before(580, 82) {
		return id - nvml.FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN + 251
	}
	return id
}

// readFields sets the fields of m that a set gives, in one call, and returns how many. It only follows counters where m
// is nil. Of several readings of a field the first that the GPU gives stays, and the others leave the set.
func (d *device) readFields(m *sdk.Metric, s *fieldSet) (n int) {
	if len(s.readings) == 0 {
		return 0
	}
	for i := range s.readings { // a value that the driver does not write it has not, see slot
		s.values[i] = nvml.FieldValue{FieldId: s.readings[i].id, ScopeId: s.readings[i].scope, NvmlReturn: uint32(nvml.ERROR_NOT_SUPPORTED)}
	}
	ret := d.try(callFields, func() nvml.Return { return d.handle.GetFieldValues(s.values[:len(s.readings)]) })
	if ret != nvml.SUCCESS {
		d.note(callFields, ret)
		if unknown(ret) { // none of these: other sets may fare better
			s.readings = s.readings[:0]
		}
		return 0
	}
	kept := 0
	for i := range s.readings {
		r, ret := &s.readings[i], nvml.Return(s.values[i].NvmlReturn)
		switch {
		case unknown(ret):
			continue
		case ret == nvml.SUCCESS:
			if m != nil && given(m, r.field) {
				continue
			}
			raw := number(nvml.ValueType(s.values[i].ValueType), binary.NativeEndian.Uint64(s.values[i].Value[:]))
			if r.wraps {
				raw = float64(r.count.next(uint64(raw), d.traffic.read))
			}
			if m != nil {
				m.SetNumber(r.field, raw*r.factor)
			}
			n++
		case ret == nvml.ERROR_GPU_IS_LOST:
			d.lose(failure(ret).Error())
		}
		s.readings[kept] = *r
		kept++
	}
	s.readings = s.readings[:kept]
	return n
}

func given(m *sdk.Metric, f sdk.Field) bool {
	_, ok := m.Lookup(f.Name)
	return ok
}
