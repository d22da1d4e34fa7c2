package sdk

import "strings"

// Nearest returns the known name that name was most probably meant to be, or "" when none is near. Case
// and the choice of "-" or "_" do not count; otherwise a third of the letters may be wrong, or what one of the names
// goes on with may be missing, where that can mean one known name only.
func Nearest(name string, known []string) string {
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	from := fold(name)
	if len(from) > 64 {
		return ""
	}
	best, least := "", max(len(from)/3, 1)+1
	for _, candidate := range known {
		to := fold(candidate)
		if d := Distance(from, to); d < least && d < len(to) {
			best, least = candidate, d
		}
	}
	if best != "" {
		return best
	}
	for _, candidate := range known {
		to := fold(candidate)
		if min(len(from), len(to)) < leastPrefix || !strings.HasPrefix(to, from) && !strings.HasPrefix(from, to) {
			continue
		}
		if best != "" {
			return ""
		}
		best = candidate
	}
	return best
}

// leastPrefix is the least that two names must begin with alike.
const leastPrefix = 4

// Distance counts the letters to insert, delete, replace or swap with their neighbour that make one text of
// the other.
func Distance(this, that string) int {
	a, b := []rune(this), []rune(that)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
