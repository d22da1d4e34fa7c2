package sdk

// Clear removes all fields of the metric, for a processor that fills it anew: one that puts a reading in
// other words moves it to another series ([Batch.Move]), clears it and sets the fields of that series.
// Time, class, origin, annotations and marks stay. Values that were taken from the metric before stay
// valid; fields that a filter hides go, too, so who runs under a filter checks [Metric.Mask] first.
func (m *Metric) Clear() {
	for _, text := range m.texts {
		m.batch.bytes -= len(text)
	}
	clear(m.texts)
	m.texts, m.values = m.texts[:0], m.values[:0]
	m.schema, m.mask, m.unread = m.batch.catalog.root, nil, nil
}
