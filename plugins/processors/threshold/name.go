package threshold

import (
	"slices"
	"strings"
	"sync"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// deviceTags may be on any series; where one is missing, it is the empty text.
var deviceTags = []string{
	vocabulary.TagHost, vocabulary.TagUUID, vocabulary.TagIndex, vocabulary.TagName, vocabulary.TagPCI,
	vocabulary.TagGI, vocabulary.TagCI, vocabulary.TagSource, vocabulary.TagWindow,
}

var measurementTags = map[string][]string{
	vocabulary.Process: {vocabulary.TagPID, vocabulary.TagProcess, vocabulary.TagType, vocabulary.TagContainer, vocabulary.TagPod},
	vocabulary.Event:   {vocabulary.TagEvent, vocabulary.TagCode, vocabulary.TagSeverity},
	vocabulary.SoC:     {vocabulary.TagComponent, vocabulary.TagComponentName},
}

// isTag reports whether the vocabulary has a tag of that name for a measurement.
func isTag(measurement, name string) bool {
	return slices.Contains(deviceTags, name) || slices.Contains(measurementTags[measurement], name)
}

// resultSuffix returns the suffix that makes name a field of results, or "".
func resultSuffix(measurement, name string) string {
	if _, ok := vocabulary.Find(measurement, name); ok {
		return ""
	}
	for _, r := range vocabulary.Results() {
		if len(name) > len(r.Suffix) && strings.HasSuffix(name, r.Suffix) {
			return r.Suffix
		}
	}
	return ""
}

// meant returns the name that an unknown one was probably meant to be: one of the measurement gpu that
// is two letters away at most. Fields of other measurements, and names further away, are their inputs'
// own business.
func meant(measurement, name string, text bool) string {
	if measurement != vocabulary.GPU {
		return ""
	}
	if _, ok := vocabulary.Coerce(measurement, name); ok || isTag(measurement, name) {
		return ""
	}
	known := tagNames() // no field of a GPU is a text
	if !text {
		known = fieldNames()
	}
	best, least := "", 3
	for _, k := range known {
		if max(len(name)-len(k.name), len(k.name)-len(name)) >= least {
			continue
		}
		if d := sdk.Distance(name, k.name); d < least && d <= k.slack {
			best, least = k.name, d
		}
	}
	return best
}

// knownName is a name, and how many letters may be wrong in one that means it: a third, at most.
type knownName struct {
	name  string
	slack int
}

var tagNames = sync.OnceValue(func() []knownName {
	var all []knownName
	for _, tag := range deviceTags {
		all = append(all, knownName{tag, len(tag) / 3})
	}
	return all
})

// fieldNames returns all fields that a GPU has, in samples and in results.
var fieldNames = sync.OnceValue(func() []knownName {
	var all []knownName
	for _, r := range vocabulary.All() {
		if r.Metric != vocabulary.GPU {
			continue
		}
		all = append(all, knownName{r.Name, len(r.Name) / 3})
		for _, s := range vocabulary.Results() {
			all = append(all, knownName{r.Name + s.Suffix, len(r.Name) / 3})
		}
	}
	return all
})
