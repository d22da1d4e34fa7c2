package vocabulary

import (
	"fmt"
	"slices"
)

// table holds all readings and what they are looked up by. It is built once, when the program starts:
// a name that stood for two readings would panic there.
var table = index(slices.Concat(activity, memory, power, temperature, clocks, link, health, process, info, pod, event, soc, threshold, inference))

type tables struct {
	readings   []Reading
	byName     map[name]int
	byCSV      map[string]int
	byTelegraf map[string]int
	byDCGMName map[string]dcgmEntry
}

type name struct{ metric, field string }

type dcgmEntry struct {
	reading int
	entry   DCGM
}

func index(readings []Reading) *tables {
	t := &tables{
		readings:   readings,
		byName:     make(map[name]int, len(readings)),
		byCSV:      make(map[string]int, len(readings)),
		byTelegraf: make(map[string]int, len(readings)),
		byDCGMName: make(map[string]dcgmEntry, 2*len(readings)),
	}
	for i := range readings {
		r := &readings[i]
		switch {
		case r.Bounded:
		case r.Unit == "ratio":
			r.Min, r.Max, r.Bounded = 0, 1, true
		case r.Unit == "celsius": // drivers have told of 82,505 degrees, and of -256 where a sensor is off
			r.Min, r.Max, r.Bounded = -100, 250, true
		}
		put(t.byName, name{r.Metric, r.Name}, i)
		put(t.byCSV, r.CSV, i)
		for _, older := range r.CSVOlder {
			put(t.byCSV, older, i)
		}
		put(t.byTelegraf, r.Telegraf.Field, i)
		for _, d := range append([]DCGM{r.DCGM}, r.DCGMBetter...) {
			put(t.byDCGMName, d.Name, dcgmEntry{i, d})
			put(t.byDCGMName, d.NewName, dcgmEntry{i, d})
		}
	}
	return t
}

// put adds v under key, unless key is empty.
func put[K comparable, V any](m map[K]V, key K, v V) {
	var none K
	if key == none {
		return
	}
	if _, twice := m[key]; twice {
		panic(fmt.Sprintf("vocabulary: %v stands twice in the table", key))
	}
	m[key] = v
}

// find returns the reading with our name, or nil. It is the table's own: nobody changes it.
func (t *tables) find(metric, field string) *Reading {
	if i, ok := t.byName[name{metric, field}]; ok {
		return &t.readings[i]
	}
	return nil
}

func (t *tables) reading(i int, ok bool) (Reading, bool) {
	if !ok {
		return Reading{}, false
	}
	return t.readings[i], true
}

func (t *tables) dcgm(e dcgmEntry) (Reading, bool) {
	if e.entry.ID == 0 {
		return Reading{}, false
	}
	r := t.readings[e.reading]
	r.DCGM = e.entry
	return r, true
}
