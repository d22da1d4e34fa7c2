package sdk

import "slices"

// Outlook is what is known of metrics before there are any: which fields they may have. The zero Outlook knows
// nothing.
type Outlook struct {
	// Fields holds, by measurement, all fields that its metrics may have, and none where there are no such
	// metrics. Of a measurement that it lacks nothing is known, unless Whole is set.
	Fields map[string][]Field

	// Whole says that there are no other measurements.
	Whole bool
}

// Of returns the fields that metrics of a measurement may have, and whether they are known.
func (o Outlook) Of(measurement string) (fields []Field, known bool) {
	fields, known = o.Fields[measurement]
	return fields, known || o.Whole
}

// Lacks reports whether it is known that no metric has a field of that name.
func (o Outlook) Lacks(field string) bool {
	for _, fields := range o.Fields {
		if slices.ContainsFunc(fields, func(f Field) bool { return f.Name == field }) {
			return false
		}
	}
	return o.Whole
}

// Join returns what is known of two streams that flow together.
func (o Outlook) Join(with Outlook) Outlook {
	joint := Outlook{Fields: make(map[string][]Field), Whole: o.Whole && with.Whole}
	for _, of := range []map[string][]Field{o.Fields, with.Fields} {
		for measurement := range of {
			a, known := o.Of(measurement)
			b, knownToo := with.Of(measurement)
			if !known || !knownToo {
				continue
			}
			all := slices.Clone(a)
			for _, f := range b {
				if !slices.ContainsFunc(a, func(have Field) bool { return have.Name == f.Name }) {
					all = append(all, f)
				}
			}
			joint.Fields[measurement] = all
		}
	}
	return joint
}
