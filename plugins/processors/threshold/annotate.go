package threshold

import "github.com/gpuline/gpuline/plugins/sdk"

// waiting is a result that is annotated once the whole run that it stands in has been read.
type waiting struct {
	metric    *sdk.Metric
	own, base *subject
}

// knownSets bounds the memory for sets of rules that were active together.
const knownSets = 4096

// annotate puts the tags of the rules on a metric that were active at its time.
func (p *Threshold) annotate(m *sdk.Metric, own, base *subject) {
	m.Annotate(p.at(m.Time(), own, base))
}

// annotateRun annotates the results that wait.
func (p *Threshold) annotateRun() {
	for i := range p.waiting {
		w := &p.waiting[i]
		p.annotate(w.metric, w.own, w.base)
		*w = waiting{}
	}
	p.waiting = p.waiting[:0]
}

// at returns the tags of the rules that were active at t. A change at t counts.
func (p *Threshold) at(t int64, own, base *subject) *sdk.Annotations {
	if own.settled(t) && base.settled(t) {
		switch {
		case base == nil || base.notes == nil:
			return own.current()
		case own == nil || own.notes == nil:
			return base.notes
		}
	}
	clear(p.scratch)
	for _, s := range [...]*subject{own, base} {
		switch {
		case s == nil:
		case s.settled(t):
			p.scratch.add(s.active)
		default:
			for i := range s.states {
				if st := &s.states[i]; st.activeAt(t) {
					p.scratch.put(st.rule.index, true)
				}
			}
		}
	}
	return p.notes(p.scratch)
}

// settled reports whether no rule changed after t.
func (s *subject) settled(t int64) bool { return s == nil || t >= s.changed }

func (s *subject) current() *sdk.Annotations {
	if s == nil {
		return nil
	}
	return s.notes
}

// notes returns the tags of a set of rules. Of equal keys the first rule's wins.
func (p *Threshold) notes(active set) *sdk.Annotations {
	if active.empty() {
		return nil
	}
	p.key = active.key(p.key[:0])
	if a, ok := p.known[string(p.key)]; ok {
		return a
	}
	var tags []sdk.Tag
	for _, r := range p.rules {
		if active.has(r.index) {
			tags = append(tags, r.tags...)
		}
	}
	if len(p.known) == knownSets {
		clear(p.known)
	}
	a := p.catalog.Annotations(tags...)
	p.known[string(p.key)] = a
	return a
}
