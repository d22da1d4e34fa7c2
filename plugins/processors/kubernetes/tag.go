package kubernetes

import (
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// state is what is known of a series.
type state struct {
	part part // its gpu is nil where the series is of none
	bare bool // it stays as it is

	// The series with the tags, nil where it gets none, and what that was made from.
	tagged   *sdk.Series
	holder   holder
	made     bool
	said     *answer
	revision uint64

	// Of a result: the series that it was made from, and that with the tags.
	origin, taggedOrigin *sdk.Series
}

type row = sdk.TableRow[state, struct{}]

// row returns what is known of m's series.
func (p *Kubernetes) row(m *sdk.Metric) *row {
	r, isNew := p.table.Row(m)
	if isNew {
		if g := p.gpu(r.Series); g != nil {
			r.State.part = p.meet(g, r.Series)
		}
		r.State.bare = r.State.part.gpu == nil || staysBare(r.Series)
	}
	return r
}

// staysBare reports whether a series gets no tags: one that says itself whose it is; what a GPU is, and how a rule
// stands, whoever has it; and processes, which need not be those of who has been given the GPU.
func staysBare(s *sdk.Series) bool {
	switch s.Name() {
	case vocabulary.Info, vocabulary.Process, vocabulary.Threshold, vocabulary.Pod:
		return true
	}
	return s.Tag(vocabulary.TagPodName) != ""
}

// tag moves m to the series with the tags of who has its GPU.
func (p *Kubernetes) tag(b *sdk.Batch, m *sdk.Metric, said *answer) {
	r := p.row(m)
	s := &r.State
	if s.bare || !anyVisible(m) {
		return
	}
	if !s.made || s.said != said || s.revision != s.part.gpu.revision || s.tagged != nil && s.tagged.Left() {
		s.made, s.said, s.revision = true, said, s.part.gpu.revision
		s.tagged, s.origin, s.taggedOrigin = nil, nil, nil
		if h, ok := said.holder(s.part); ok {
			s.holder = h
			s.tagged = b.Catalog().With(r.Series, h.tags()...)
		}
	}
	if s.tagged == nil { // nobody has it, or the catalog is full
		return
	}
	if m.Class() == sdk.ClassResult && m.Origin() != m.Series() {
		s.moveOrigin(b, m)
	}
	b.Move(m, s.tagged)
}

// moveOrigin keeps a result with the samples that it was made from: rules and outputs join them by it.
func (s *state) moveOrigin(b *sdk.Batch, m *sdk.Metric) {
	if s.origin != m.Origin() || s.taggedOrigin.Left() {
		to := m.Origin()
		if to.Tag(vocabulary.TagPodName) == "" {
			to = b.Catalog().With(to, s.holder.tags()...)
		}
		if to == nil {
			return
		}
		s.origin, s.taggedOrigin = m.Origin(), to
	}
	m.SetOrigin(s.taggedOrigin)
}

func (h holder) tags() []sdk.Tag {
	return []sdk.Tag{
		{Key: vocabulary.TagNamespace, Value: h.namespace},
		{Key: vocabulary.TagPodName, Value: h.pod},
		{Key: vocabulary.TagContainerName, Value: h.container},
	}
}

// anyVisible reports whether a filter shows anything of a row.
func anyVisible(m *sdk.Metric) bool {
	if m.Mask() == nil {
		return true
	}
	for slot := range m.Len() {
		if m.Visible(slot) {
			return true
		}
	}
	return false
}
