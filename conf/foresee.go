package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// foresee follows what is known of metrics from the inputs to the outputs, and warns of what none of them will meet.
// Through a plugin with faults, and where one could not be made out, nothing is known.
func (b *builder) foresee() {
	stream := sdk.Outlook{Whole: !b.partial}
	for _, in := range b.instances {
		if in.role != sdk.RoleInput {
			continue
		}
		read := in.foresee(sdk.Outlook{})
		in.sift(read)
		stream = stream.Join(in.through(in.passing(read)))
	}
	if b.selfInterval > 0 { // gpuline_*
		stream.Whole = false
	}
	for _, in := range b.instances {
		if in.role == sdk.RoleProcessor {
			stream = in.process(stream)
		}
	}
	for _, in := range b.instances {
		if in.role != sdk.RoleOutput {
			continue
		}
		if arriving := in.through(stream); !in.renames {
			in.sift(arriving)
		}
	}
}

// through returns what is known behind the processors below an input or an output.
func (in *instance) through(stream sdk.Outlook) sdk.Outlook {
	for _, p := range in.processors {
		stream = p.process(stream)
	}
	return stream
}

// process returns what is known behind a processor. What its filter hides from it passes by.
func (in *instance) process(stream sdk.Outlook) sdk.Outlook {
	in.sift(stream)
	out := in.foresee(in.passing(stream))
	if in.filter.Empty() {
		return out
	}
	return out.Join(stream)
}

// foresee asks the plugin, and reports what it warns of. From one that panics nothing is known.
func (in *instance) foresee(stream sdk.Outlook) (out sdk.Outlook) {
	foreseer, ok := in.config.(sdk.Foreseer)
	if !ok {
		return out
	}
	defer func() { // a reload must not end the agent
		if v := recover(); v != nil {
			out = sdk.Outlook{}
			in.place().warn(sdk.Fault{Problem: fmt.Sprint("the plugin is faulty: it panicked: ", v)})
		}
	}()
	out, idle := foreseer.Foresee(stream)
	in.place().warn(idle...)
	return out
}

// passing returns what is known behind the filter.
func (in *instance) passing(stream sdk.Outlook) sdk.Outlook {
	passing := sdk.Outlook{Fields: make(map[string][]sdk.Field, len(stream.Fields)), Whole: stream.Whole}
	for measurement, fields := range stream.Fields {
		kept := []sdk.Field{}
		for _, f := range fields {
			if in.filter.Pass(measurement, f.Name) {
				kept = append(kept, f)
			}
		}
		passing.Fields[measurement] = kept
	}
	return passing
}

// sift warns of globs in the filter that nothing in the stream matches.
func (in *instance) sift(stream sdk.Outlook) {
	if !stream.Whole || !in.sound {
		return
	}
	var metrics, fields []string
	for measurement, has := range stream.Fields {
		if len(has) > 0 {
			metrics = append(metrics, measurement)
		}
		for _, f := range has {
			if (pipeline.Filter{Metrics: in.filter.Metrics}).Pass(measurement, f.Name) {
				fields = append(fields, f.Name)
			}
		}
	}
	slices.Sort(metrics)
	slices.Sort(fields)
	in.idleGlobs("metrics", "metric", in.filter.Metrics, metrics)
	in.idleGlobs("fields", "field", in.filter.Fields, fields)
}

func (in *instance) idleGlobs(key, noun string, globs, names []string) {
	for i, glob := range globs {
		pattern := strings.TrimPrefix(glob, "!")
		if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return sdk.Match(pattern, name) }) {
			continue
		}
		remedy := ""
		if near := sdk.Nearest(pattern, names); near != "" {
			remedy = "did you mean `" + near + "`?"
		} else if noun == "metric" {
			remedy = "the metrics here are " + strings.Join(names, ", ")
		}
		in.place().warn(sdk.Fault{Path: []string{"filter", key, strconv.Itoa(i)}, Problem: "`" + glob + "` matches no " + noun + " that comes here", Remedy: remedy})
	}
}
