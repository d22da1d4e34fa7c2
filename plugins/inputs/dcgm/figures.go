package dcgm

import "github.com/gpuline/gpuline/plugins/sdk"

// figures count what comes from DCGM and does not become a reading.
type figures struct {
	blank, invalid *sdk.Number
}

func newFigures(m *sdk.Meter) figures {
	return figures{
		blank:   m.Counter("gpuline_dcgm_blank_values_total", "Values by which DCGM says that it has none."),
		invalid: m.Counter("gpuline_dcgm_invalid_values_total", "Values of DCGM that cannot be, such as a utilisation of 107 %; they are left out."),
	}
}

// count counts a value and reports whether it is good.
func (f *figures) count(v verdict) bool {
	switch v {
	case blank:
		f.blank.Add(1)
	case invalid:
		f.invalid.Add(1)
	}
	return v == good
}
