package conf

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// builder makes a plan of documents.
type builder struct {
	registry  sdk.Registry
	documents []*document
	instances []*instance
	errors    Errors // that belong to no document
	claims    claims
	probe     bool // whether plugins would work on this host
	partial   bool // there may be sources of metrics that none of the instances stands for

	level                  string // the agent's, as the two that follow
	interval, selfInterval time.Duration
}

var rootKeys = []string{agentTable, "inputs", "processors", "outputs"}

func (b *builder) plan() (*pipeline.Plan, error) {
	b.claims = make(claims)
	plan := &pipeline.Plan{Agent: b.agent()}
	b.partial = len(b.errors) > 0
	for _, d := range b.documents {
		b.root(d)
		instances := d.instances()
		b.partial = b.partial || len(d.errors) > 0 // none of which is within a plugin's table so far
		b.instances = append(b.instances, instances...)
		for _, in := range instances {
			switch in.role {
			case sdk.RoleInput:
				plan.Inputs = append(plan.Inputs, b.input(in))
			case sdk.RoleProcessor:
				plan.Processors = append(plan.Processors, b.processor(in))
			case sdk.RoleOutput:
				plan.Outputs = append(plan.Outputs, b.output(in))
			}
		}
	}
	b.absent()
	b.foresee()
	if plan.Agent.HTTP == "" {
		b.pagesWithoutAServer()
	}
	plan.Warnings = b.warnings()
	if err := b.faults(); err != nil {
		return &pipeline.Plan{Warnings: plan.Warnings}, err
	}
	return plan, nil
}

// warnings returns all that was found odd.
func (b *builder) warnings() (texts []string) {
	var all Errors
	for _, d := range b.documents {
		all = append(all, d.warnings...)
	}
	for _, w := range all.sorted() {
		texts = append(texts, w.Error())
	}
	return texts
}

// faults returns all that was found wrong, or nil.
func (b *builder) faults() error {
	all := b.errors
	for _, d := range b.documents {
		all = append(all, d.errors...)
	}
	if len(all) == 0 {
		return nil
	}
	return all.sorted()
}

// root finds keys outside of the tables that there are.
func (b *builder) root(d *document) {
	agent, _ := sdk.Options(&agentKeys{}) // a test keeps its tags right
	for _, key := range slices.Sorted(maps.Keys(d.table)) {
		if slices.Contains(rootKeys, key) {
			continue
		}
		fault := sdk.UnknownKey([]string{key}, rootKeys)
		if slices.ContainsFunc(agent, func(o sdk.Option) bool { return o.Key == key }) {
			fault.Remedy = "it belongs under [agent]"
		} else if fault.Remedy == "" {
			fault.Remedy = "at the top stand [agent], [[inputs.NAME]], [[processors.NAME]] and [[outputs.NAME]]"
		}
		place{d, nil, "", d.table}.report(nil, fault)
	}
}

// absent reports that there is nothing to read from or to write to, once all files could be read.
func (b *builder) absent() {
	var names []string
	for _, d := range b.documents {
		if d.table == nil {
			return
		}
		names = append(names, d.name)
	}
	if len(b.errors) > 0 {
		return
	}
	for _, role := range []sdk.Role{sdk.RoleInput, sdk.RoleOutput} {
		given := func(d *document) bool {
			for key := range d.table {
				if key != role.String() && meantRole(key, role) {
					return true
				}
			}
			group, isTable := d.table[role.String()].(map[string]any)
			return len(group) > 0 || !isTable && d.table[role.String()] != nil
		}
		if slices.ContainsFunc(b.documents, given) {
			continue
		}
		e := Error{File: strings.Join(names, ", "), Problem: "there is no " + singular(role)}
		if known := b.names(role); len(known) > 0 {
			e.Remedy = fmt.Sprintf("add one, such as [[%s.%s]]", role, known[0])
		}
		b.errors = append(b.errors, e)
	}
}

func singular(role sdk.Role) string { return strings.TrimSuffix(role.String(), "s") }

// names lists the plugins of a role.
func (b *builder) names(role sdk.Role) []string {
	var names []string
	for _, def := range b.registry {
		if def.Role == role {
			names = append(names, def.Name)
		}
	}
	return names
}

func (b *builder) input(in *instance) pipeline.Input {
	var keys inputKeys
	plugin := b.plugin(in, &keys)
	return pipeline.Input{
		Plugin:     b.common(plugin, keys.pluginKeys),
		Interval:   cmp.Or(keys.Interval, b.interval),
		Jitter:     keys.Jitter,
		Timeout:    keys.Timeout,
		Tags:       sortedTags(keys.Tags),
		Processors: b.processors(in),
	}
}

func (b *builder) processor(in *instance) pipeline.Processor {
	var keys pluginKeys
	plugin := b.plugin(in, &keys)
	return pipeline.Processor{Plugin: b.common(plugin, keys)}
}

func (b *builder) processors(in *instance) []pipeline.Processor {
	var list []pipeline.Processor
	for _, p := range in.processors {
		list = append(list, b.processor(p))
	}
	return list
}

func (b *builder) output(in *instance) pipeline.Output {
	var keys outputKeys
	plugin := b.plugin(in, &keys)
	in.renames = keys.Naming != ""
	b.claims.folder(in.place(), in, keys.Queue.Disk)
	processors := b.processors(in)
	for _, p := range processors {
		plugin.Fingerprint = fingerprint(plugin.Fingerprint, p.Name, p.Fingerprint)
	}
	return pipeline.Output{
		Plugin:        b.common(plugin, keys.pluginKeys),
		Queue:         keys.Queue.plan(),
		BatchSize:     keys.BatchSize,
		FlushInterval: keys.FlushInterval,
		Timeout:       keys.Timeout,
		Samples:       keys.Samples,
		Required:      keys.Required,
		Processors:    append(processors, b.naming(in, keys)...),
	}
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func (b *builder) common(p pipeline.Plugin, keys pluginKeys) pipeline.Plugin {
	p.Alias = keys.Alias
	p.Level = levels[cmp.Or(keys.LogLevel, b.level)]
	p.Filter = keys.filter()
	return p
}
