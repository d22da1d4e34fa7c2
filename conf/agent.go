package conf

import (
	"maps"
	"reflect"
	"slices"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

const agentTable = "agent"

// agent merges the [agent] tables of all documents, key by key.
func (b *builder) agent() pipeline.Agent {
	merged, given := make(map[string]any), make(map[string]string)
	for _, d := range b.documents {
		value, ok := d.table[agentTable]
		if !ok {
			continue
		}
		table, ok := value.(map[string]any)
		if !ok {
			d.fault([]string{agentTable}, Error{Problem: "`agent` is not a table", Remedy: "write it as [agent]"})
			continue
		}
		at := place{d, []string{agentTable}, "[agent]", table}
		table, missing := at.expand()
		keys := agentKeys{}
		sdk.Defaults(&keys)
		at.configure(&keys, table, missing)
		at.merge(nil, merged, table, given)
	}
	keys := agentKeys{}
	sdk.Defaults(&keys)
	sdk.Configure(&keys, merged) // what is wrong has been reported for each document
	b.level, b.interval, b.selfInterval = keys.LogLevel, keys.Interval, keys.SelfInterval
	return pipeline.Agent{
		Hostname:      keys.Hostname,
		Tags:          sortedTags(keys.Tags),
		ShutdownGrace: keys.ShutdownGrace,
		SelfInterval:  keys.SelfInterval,
		HTTP:          keys.HTTP,
		TLS:           pipeline.TLS{Cert: keys.HTTPTLS.Cert, Key: keys.HTTPTLS.Key},
		Auth:          pipeline.Auth{User: keys.HTTPAuth.User, Password: keys.HTTPAuth.Password},
		LogLevel:      levels[keys.LogLevel],
		LogFormat:     pipeline.LogFormat(keys.LogFormat),
	}
}

// merge adds a table to what other documents gave. A key that is given twice must have one value.
func (p place) merge(path []string, merged, table map[string]any, given map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		path := append(slices.Clip(path), key)
		value, have := table[key], merged[key]
		inner, isTable := value.(map[string]any)
		into, wasTable := have.(map[string]any)
		switch {
		case isTable && (wasTable || have == nil):
			if have == nil {
				into = make(map[string]any)
				merged[key] = into
			}
			p.merge(path, into, inner, given)
		case have == nil:
			merged[key] = value
			given[pathID(path)] = p.doc.where(p.at(path))
		case !reflect.DeepEqual(have, value):
			p.report(nil, sdk.Fault{Path: path, Problem: "has another value at " + given[pathID(path)]})
		}
	}
}
