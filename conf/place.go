package conf

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// place is a table in a document, to report faults at.
type place struct {
	doc     *document
	path    []string
	heading string
	table   map[string]any
}

func (in *instance) place() place { return place{in.doc, in.path, in.heading, in.table} }

// at returns the path of a key of the table.
func (p place) at(key []string) []string { return append(slices.Clip(p.path), key...) }

// expand returns the table with references replaced. Keys with references that cannot be replaced are
// reported and missing.
func (p place) expand() (table map[string]any, missing []string) {
	table, faults := p.doc.expander.table(p.table)
	for _, fault := range faults {
		missing = append(missing, fault.Path[0])
	}
	p.report(nil, faults...)
	p.warn(p.doc.expander.odd...)
	p.doc.expander.odd = nil
	return table, missing
}

// report reports faults of the table, except those of keys that are missing for a known reason.
func (p place) report(missing []string, faults ...sdk.Fault) {
	for _, fault := range faults {
		if len(fault.Path) > 0 && slices.Contains(missing, fault.Path[0]) {
			continue
		}
		p.doc.fault(p.at(fault.Path), p.tell(fault))
	}
}

// warn reports what is no fault of the table and yet hardly meant.
func (p place) warn(odd ...sdk.Fault) {
	for _, fault := range odd {
		p.doc.warn(p.at(fault.Path), p.tell(fault))
	}
}

func (p place) tell(fault sdk.Fault) Error {
	fault = known(p.heading, fault)
	return Error{
		Heading: p.heading,
		Key:     p.key(fault.Path),
		Problem: p.doc.expander.hide(fault.Problem),
		Remedy:  p.doc.expander.hide(fault.Remedy),
	}
}

// key writes a path without the indices of lists: the line says which element is meant.
func (p place) key(path []string) string {
	var key []string
	var at any = p.table
	for _, part := range path {
		switch value := at.(type) {
		case []any:
			if i, err := strconv.Atoi(part); err == nil && 0 <= i && i < len(value) {
				at = value[i]
				continue
			}
		case []map[string]any:
			if i, err := strconv.Atoi(part); err == nil && 0 <= i && i < len(value) {
				at = value[i]
				continue
			}
		case map[string]any:
			at = value[part]
		}
		key = append(key, part)
	}
	if key == nil {
		return ""
	}
	return strings.TrimSpace(pathID(key))
}

// misplaced reports plugins below one that has none below it, and takes them out of the table.
func (p place) misplaced(table map[string]any, options []sdk.Option) {
	for _, role := range []sdk.Role{sdk.RoleInput, sdk.RoleProcessor, sdk.RoleOutput} {
		key := role.String()
		if _, there := table[key]; !there || has(options, key) {
			continue
		}
		remedy := "[[" + key + ".NAME]] stands at the top"
		if role == sdk.RoleProcessor {
			remedy += ", or below an input or an output"
		}
		p.report(nil, sdk.Fault{Path: []string{key}, Problem: unknownKey, Remedy: remedy})
		delete(table, key)
	}
}

// configure fills a struct from the table, and reports what is wrong and whether anything is: then the struct is as it
// was. Keys that are missing for a known reason count as refused, so that nothing is said that comes of their absence.
func (p place) configure(config any, table map[string]any, missing []string) (ok bool) {
	options, _ := sdk.Options(config) // a test keeps its tags right
	table = maps.Clone(table)
	for _, key := range missing {
		if has(options, key) {
			table[key] = nil
		}
	}
	faults := sdk.Configure(config, table)
	p.report(missing, faults...)
	return len(faults) == 0
}
