package average

// percent maps the names of percentiles to them.
var percent = map[string]int{"p50": 50, "p95": 95, "p99": 99}

// percentile returns the least value of v that is not exceeded by p percent of v (the nearest rank). It
// reorders v.
func percentile(v []float64, p int) (float64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	k := (len(v)*p + 99) / 100
	return choose(v, k-1), true
}

// choose returns what would stand at place k if v were sorted: Hoare's selection, with the median of
// three as pivot, and a sort by insertion for the rest.
func choose(v []float64, k int) float64 {
	lo, hi := 0, len(v)-1
	for hi-lo > 12 {
		mid := lo + (hi-lo)/2
		if v[mid] < v[lo] {
			v[mid], v[lo] = v[lo], v[mid]
		}
		if v[hi] < v[lo] {
			v[hi], v[lo] = v[lo], v[hi]
		}
		if v[hi] < v[mid] {
			v[hi], v[mid] = v[mid], v[hi]
		}
		pivot, i, j := v[mid], lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	for i := lo + 1; i <= hi; i++ {
		for j := i; j > lo && v[j] < v[j-1]; j-- {
			v[j], v[j-1] = v[j-1], v[j]
		}
	}
	return v[k]
}
