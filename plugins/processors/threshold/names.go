package threshold

// Rules returns the names of the rules, and the measurement that each reads.
func (p *Threshold) Rules() map[string]string {
	names := make(map[string]string, len(p.rules))
	for _, m := range p.measurements {
		for _, r := range m.rules {
			names[r.name] = m.name
		}
	}
	return names
}
