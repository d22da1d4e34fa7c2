package conf

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// document is one file of a configuration.
type document struct {
	name     string
	table    map[string]any // nil where the text is not TOML
	keys     []toml.Key
	lines    positions
	expander expander
	errors   Errors
	warnings Errors
}

// decode calls the TOML library. Where that panics over a document, the document is faulty.
func decode(text string) (table map[string]any, md toml.MetaData, fault *Error) {
	defer func() {
		if r := recover(); r != nil {
			table, fault = nil, &Error{Problem: fmt.Sprint("is not valid TOML: ", r)}
		}
	}()
	table = make(map[string]any)
	md, err := toml.Decode(text, &table)
	if err == nil {
		return table, md, nil
	}
	fault = &Error{Problem: "is not valid TOML: " + err.Error()}
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		said, _, _ := strings.Cut(strings.TrimSuffix(parse.Message, "."), "\n")
		fault.Problem, fault.Line, fault.Remedy = "is not valid TOML: "+said, max(parse.Position.Line, 1), syntaxRemedy(said)
		if start := parse.Position.Start; start >= 0 && strings.HasSuffix(said, `'\n' instead`) {
			text = strings.TrimPrefix(text, "\ufeff")                          // which the library does not count
			fault.Line = 1 + strings.Count(text[:min(start, len(text))], "\n") // by its line it may be at the next one
		}
	}
	return nil, md, fault
}

// read makes a document of a text; with faults in its syntax it has an error and no table.
func read(name, text string) *document {
	d := &document{name: name, expander: expander{dir: filepath.Dir(name)}}
	entries, tooDeep := scan(text)
	if tooDeep > 0 {
		d.errors = Errors{{File: name, Line: tooDeep, Problem: fmt.Sprintf("nests more than %d deep", maxDepth)}}
		return d
	}
	table, md, fault := decode(text)
	if fault != nil {
		fault.File = name
		d.errors = Errors{*fault}
		return d
	}
	d.table, d.keys = table, md.Keys()
	d.lines = locate(entries, d.keys)
	return d
}

// where names the place of a path, such as "agent.toml:12".
func (d *document) where(path []string) string {
	if line := d.lines.line(path); line > 0 {
		return d.name + ":" + strconv.Itoa(line)
	}
	return d.name
}

func (d *document) fault(path []string, e Error) {
	e.File, e.Line = d.name, d.lines.line(path)
	d.errors = append(d.errors, e)
}

func (d *document) warn(path []string, e Error) {
	e.File, e.Line = d.name, d.lines.line(path)
	d.warnings = append(d.warnings, e)
}

// names reports whether the document names the table or key at exactly this path.
func (d *document) names(key []string) bool {
	return slices.ContainsFunc(d.keys, func(k toml.Key) bool { return equal(key, k) })
}

// instance is the table of one plugin.
type instance struct {
	doc        *document
	role       sdk.Role
	name       string
	path       []string       // the key of its heading, with the indices of lists
	heading    string         // [[…]]
	table      map[string]any // without processors
	processors []*instance
	orphan     bool // it has no heading, and only what hangs below it is there
	order      int

	config  any             // nil where the plugin's own keys have faults
	sound   bool            // the keys that are common to all plugins have none
	filter  pipeline.Filter // one of these
	renames bool            // an output writes other names than ours
}

// instances returns the document's plugins of all roles in the order of the file, and reports what
// cannot be one.
func (d *document) instances() []*instance {
	var all []*instance
	for _, role := range []sdk.Role{sdk.RoleInput, sdk.RoleProcessor, sdk.RoleOutput} {
		if group, ok := d.table[role.String()]; ok {
			all = append(all, d.group(role, []string{role.String()}, []string{role.String()}, group)...)
		}
	}
	d.number(all)
	return all
}

// group makes instances of the table role, which holds one list of tables for each plugin.
func (d *document) group(role sdk.Role, key, path []string, value any) []*instance {
	group, ok := value.(map[string]any)
	if !ok {
		d.fault(path, Error{
			Problem: "`" + strings.Join(key, ".") + "` names no plugin",
			Remedy:  "write [[" + pathID(append(slices.Clip(key), "NAME")) + "]]",
		})
		return nil
	}
	var all []*instance
	for _, name := range slices.Sorted(maps.Keys(group)) {
		key, path := append(slices.Clip(key), name), append(slices.Clip(path), name)
		heading := "[[" + pathID(key) + "]]"
		add := func(path []string, table map[string]any) *instance {
			in := &instance{doc: d, role: role, name: name, path: path, heading: heading, order: len(d.keys)}
			in.table = maps.Clone(table)
			if below, ok := table["processors"]; ok && role != sdk.RoleProcessor {
				delete(in.table, "processors")
				in.processors = d.group(sdk.RoleProcessor, append(slices.Clip(key), "processors"), append(slices.Clip(path), "processors"), below)
			}
			all = append(all, in)
			return in
		}
		switch value := group[name].(type) {
		case []map[string]any:
			for i, table := range value {
				add(append(slices.Clip(path), strconv.Itoa(i)), table)
			}
		case map[string]any:
			in := add(path, value)
			if d.names(key) {
				d.fault(path, Error{Problem: "[" + pathID(key) + "] is one of several", Remedy: "write it in double brackets, " + heading})
				break
			}
			in.orphan = true
			d.fault(path, Error{
				Problem: fmt.Sprintf("%s has no %s above it", d.firstBelow(key), heading),
				Remedy:  "a nested table needs its parent in the same file",
			})
		default:
			d.fault(path, Error{Problem: "`" + pathID(key) + "` is not a plugin's table", Remedy: "write it as " + heading})
		}
	}
	return all
}

// firstBelow names the first table or key below a key.
func (d *document) firstBelow(key []string) string {
	for _, k := range d.keys {
		if len(k) > len(key) && equal(key, k[:len(key)]) {
			return "`" + pathID(k) + "`"
		}
	}
	return "`" + pathID(key) + "`"
}

// number sorts instances, and those below them, as they stand in the file. The decoded maps have no
// order, but the list of keys has: an instance begins where its heading is named once more.
func (d *document) number(all []*instance) {
	waiting := make(map[string][]*instance) // not met yet, by heading; of instances met, those below
	expect := func(list []*instance) {
		for _, in := range list {
			waiting[in.heading] = append(waiting[in.heading], in)
		}
	}
	expect(all)
	for order, key := range d.keys {
		for n := 2; n <= min(len(key), 4); n += 2 {
			heading := "[[" + pathID(key[:n]) + "]]"
			list := waiting[heading]
			if len(list) == 0 || n < len(key) && !list[0].orphan {
				continue
			}
			waiting[heading] = list[1:]
			list[0].order = order
			expect(list[0].processors)
		}
	}
	byOrder := func(a, b *instance) int { return a.order - b.order }
	slices.SortStableFunc(all, byOrder)
	for _, in := range all {
		slices.SortStableFunc(in.processors, byOrder)
	}
}
