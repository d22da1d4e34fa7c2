package naming

import "github.com/gpuline/gpuline/plugins/sdk"

// visible counts the fields that no filter hides.
func visible(m *sdk.Metric) int {
	if m.Mask() == nil {
		return m.Len()
	}
	n := 0
	for slot := range m.Len() {
		if m.Visible(slot) {
			n++
		}
	}
	return n
}

// keepHidden removes the fields that a filter shows. Those that are left stay hidden.
func keepHidden(m *sdk.Metric) {
	slot := -1
	m.Project(sdk.NewMask(m.Schema(), func(sdk.Field) bool {
		slot++
		return !m.Visible(slot)
	}))
	m.SetMask(sdk.NewMask(m.Schema(), func(sdk.Field) bool { return false }))
}
