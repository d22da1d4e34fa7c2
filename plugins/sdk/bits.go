package sdk

// Bits returns the metric's values by slot as they are kept: of a float its IEEE 754 bits, of an int or
// an uint the number, of a bool 0 or 1; of a string nothing that means anything outside. Whoever moves
// whole rows, such as a window, reads them at a third of the cost of Value. The caller must not change
// the slice, nor keep it longer than the metric.
func (m *Metric) Bits() []uint64 { return m.values }
