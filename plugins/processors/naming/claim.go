package naming

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// rank orders sources: the least is the best.
type rank int

var ranks = []string{vocabulary.SourceNVML, vocabulary.SourceDCGM, vocabulary.SourceNvidiaSMI}

func rankOf(source string) rank {
	if i := slices.Index(ranks, source); i >= 0 {
		return rank(i)
	}
	return rank(len(ranks))
}

// claim says which source a field of a GPU is taken from: two that take turns would be two truths in one
// series.
type claim struct {
	taken bool
	rank  rank
	last  int64 // when it last told the field, in Unix ns
	gap   int64 // since the time before
}

// take reports whether a source of rank r may tell the field at time t. A worse source follows once the
// holder has said nothing for maxGap, and for two of its own intervals.
func (c *claim) take(r rank, t, maxGap int64) bool {
	passed := t - c.last // wraps around for times that no clock tells, and is then no silence
	switch {
	case !c.taken || r < c.rank:
		*c = claim{taken: true, rank: r, last: t}
	case r == c.rank:
		if passed > 0 {
			c.last, c.gap = t, min(passed, 10*maxGap)
		}
	case passed > maxGap && passed > 2*c.gap:
		*c = claim{taken: true, rank: r, last: t}
	default:
		return false
	}
	return true
}
