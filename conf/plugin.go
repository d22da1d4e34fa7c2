package conf

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// plugin checks the table of an instance against the schema of its plugin and the common keys, fills
// the common keys, and returns how to make the plugin. All faults are reported.
func (b *builder) plugin(in *instance, common commonKeys) pipeline.Plugin {
	p := pipeline.Plugin{Name: in.name, Where: in.doc.where(in.path)}
	if in.orphan {
		return p
	}
	at := in.place()
	def := b.registry.Find(in.role, in.name)
	if def == nil {
		b.unknown(in)
		return p
	}
	defer func() { // a reload must not end the agent
		if v := recover(); v != nil {
			at.report(nil, sdk.Fault{Problem: fmt.Sprint("the plugin is faulty: it panicked: ", v)})
		}
	}()
	own, err := sdk.Options(def.NewConfig())
	if err == nil {
		err = defaults(def, common)
	}
	if err != nil {
		at.report(nil, sdk.Fault{Problem: "the plugin is faulty: " + err.Error()})
		return p
	}
	shared, _ := sdk.Options(common) // a test keeps its tags right
	table, missing := at.expand()
	at.misplaced(table, slices.Concat(own, shared))
	forPlugin, forAll := share(table, own, shared)
	in.sound = at.configure(common, forAll, missing)
	in.filter = common.filter()
	alias, _ := table["alias"].(string)
	b.claims.alias(at, in, alias)
	p.Fingerprint = fingerprint(table)
	p.New = maker(def, forPlugin)
	if config := def.NewConfig(); at.configure(config, forPlugin, missing) {
		in.config = config
		b.claims.page(at, in, config)
		at.report(nil, sdk.Faults(b.try(def, config, p.New))...)
	}
	return p
}

// share deals out a table to the plugin and to the common keys. A key of neither goes where it was hardly meant otherwise,
// to be reported there.
func share(table map[string]any, own, shared []sdk.Option) (forPlugin, forAll map[string]any) {
	forPlugin, forAll = make(map[string]any), make(map[string]any)
	for key, value := range table {
		isOwn, isShared := has(own, key), has(shared, key)
		if !isOwn && !isShared {
			near := sdk.Nearest(key, keysOf(slices.Concat(own, shared)))
			isOwn = has(own, near) || near == "" && sdk.Holder(own, key) != nil
			isShared = !isOwn
		}
		if isOwn {
			forPlugin[key] = value
		}
		if isShared {
			forAll[key] = value
		}
	}
	return forPlugin, forAll
}

// maker returns what makes instances of a plugin.
func maker(def *sdk.Definition, table map[string]any) func() (any, error) {
	return func() (any, error) {
		config := def.NewConfig()
		var errs []error
		for _, fault := range sdk.Configure(config, table) {
			errs = append(errs, fault)
		}
		if len(errs) > 0 {
			return nil, errors.Join(errs...)
		}
		return def.New(config)
	}
}

// try makes an instance, to see whether that can be done.
func (b *builder) try(def *sdk.Definition, config any, construct func() (any, error)) error {
	_, err := construct()
	if err == nil && b.probe && def.Probe != nil {
		err = def.Probe(config)
	}
	return err
}

// defaults sets the common keys to their defaults, and to the plugin's where they differ.
func defaults(def *sdk.Definition, common any) error {
	sdk.Defaults(common)
	for _, fault := range sdk.Configure(common, def.Common) {
		return fmt.Errorf("default of a common key: %w", fault)
	}
	return nil
}

// unknown reports an instance of no plugin that there is.
func (b *builder) unknown(in *instance) {
	problem := fmt.Sprintf("unknown %s `%s`", singular(in.role), in.name)
	known := b.names(in.role)
	remedy := "there are " + strings.Join(known, ", ")
	if len(known) == 0 {
		remedy = fmt.Sprintf("this binary has no %s", in.role)
	}
	if near := sdk.Nearest(in.name, known); near != "" {
		remedy = fmt.Sprintf("did you mean `%s`? %s", near, remedy)
	}
	for _, role := range []sdk.Role{sdk.RoleInput, sdk.RoleProcessor, sdk.RoleOutput} {
		if role != in.role && b.registry.Find(role, in.name) != nil {
			article := "an"
			if role == sdk.RoleProcessor {
				article = "a"
			}
			remedy = fmt.Sprintf("it is %s %s; %s", article, singular(role), remedy)
			break
		}
	}
	in.doc.fault(in.path, Error{Problem: problem, Remedy: remedy})
}

func has(options []sdk.Option, key string) bool {
	return slices.ContainsFunc(options, func(o sdk.Option) bool { return o.Key == key })
}

func keysOf(options []sdk.Option) []string {
	keys := make([]string, len(options))
	for i := range options {
		keys[i] = options[i].Key
	}
	return keys
}
