package dcgm

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// The tiers of fields, by how often they are sampled.
type tier uint8

const (
	tierFast tier = iota
	tierProfiling
	tierSlow
	tiers
)

// slowFields change seldom, or are dear to read.
var slowFields = []int{
	55, 90, 92, 113, 114, 151, 152, 158, 159, 160, 161, 162, 163, 164, 191, 202, 235, 236, 237, 238, 250, 253, 310, 311, 312, 313,
	390, 391, 392, 393, 394, 395, 396, 409, 429, 439, 1213, 1523, 1600, 1601, 1608, 1609, 1612,
}

// leftOut are not asked for unless somebody names them: DCGM calls 200 and 201 deprecated, 254 follows from
// others, what 243 to 245 and 449 say is seldom looked at, where a card, or an older hostengine, cannot count 1016, 1091
// and 1092 it refuses the other profiling fields with them, DCGM 4 loses ECC errors that are asked for together with
// the counters of NVLink 5 (from 1200 on), and those from 1600 on say what older ones do, in base units.
var leftOut = []int{
	200, 201, 243, 244, 245, 254, 449, 1016, 1091, 1092, 1201, 1203, 1213, 1600, 1601, 1603, 1604, 1605, 1608, 1609, 1612,
}

// tierOf returns how often a field is to be sampled.
func tierOf(id int) tier {
	switch {
	case id >= 1001 && id <= 1099:
		return tierProfiling
	case slices.Contains(slowFields, id):
		return tierSlow
	}
	return tierFast
}

// findField returns the ids of the fields that a name of ours, of DCGM's or an id stands for, or what is
// wrong with it.
func findField(name string) (ids []int, problem, remedy string) {
	if id, err := strconv.Atoi(name); err == nil {
		if r, ok := readings[id]; ok && r.slot >= 0 {
			return []int{id}, "", ""
		}
		return nil, fmt.Sprintf("DCGM's field %d is not known to gpuline", id), "docs/metrics.md lists those that are"
	}
	if r, ok := byName(name); ok && r.slot >= 0 {
		return []int{r.DCGM.ID}, "", ""
	}
	var names []string
	for id, r := range readings {
		if r.slot < 0 {
			continue
		}
		if r.Name == name {
			ids = append(ids, id)
		}
		names = append(names, r.Name, r.DCGM.Name)
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		return ids, "", ""
	}
	if r, ok := vocabulary.Find(vocabulary.GPU, name); ok {
		return nil, fmt.Sprintf("DCGM does not give %q", r.Name), "inputs.nvml may"
	}
	slices.Sort(names)
	remedy = "docs/metrics.md lists the readings"
	if near := sdk.Nearest(name, names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return nil, fmt.Sprintf("%q is no reading", name), remedy
}

// wanted returns the fields to sample in each tier, in the order of their ids.
func (c *Config) wanted() (fields [tiers][]int) {
	var all []int
	for _, name := range c.Fields {
		ids, _, _ := findField(name)
		all = append(all, ids...)
	}
	if len(c.Fields) == 0 {
		for id, r := range readings {
			if r.slot >= 0 && !slices.Contains(leftOut, id) {
				all = append(all, id)
			}
		}
	}
	slices.Sort(all)
	for _, id := range slices.Compact(all) {
		t := tierOf(id)
		fields[t] = append(fields[t], id)
	}
	if c.ProfilingInterval == 0 {
		fields[tierProfiling] = nil
	}
	return fields
}
