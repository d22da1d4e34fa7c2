package sdk

// AddRow appends a sample of series s whose fields are known at once: it does in one step what Add and
// a Set for each field do. Decoders call it, which meet the same schema in row after row.
//
// values holds the values of schema, slot by slot: the bits of a float64, the two's complement of an
// int64, a uint64, 0 or 1 for a bool, and for a string its index in texts. The caller keeps both slices.
// schema belongs to the batch's catalog. A nil s counts as in Add, and the metric returned is empty.
func (b *Batch) AddRow(s *Series, schema *Schema, t int64, values []uint64, texts []string) *Metric {
	m := b.Add(s, t)
	if m.state&outside != 0 {
		return m
	}
	if len(values) > cap(m.values) {
		b.reserve(m, len(values))
	}
	m.schema = schema
	m.values = append(m.values, values...)
	m.texts = append(m.texts, texts...)
	for _, text := range texts {
		b.bytes += len(text)
	}
	return m
}
