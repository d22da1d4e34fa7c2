package sdk

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Option describes one key of a configuration. A list of them is a schema: plain data, so that a host
// can check a table for a plugin that runs elsewhere, and print a reference.
type Option struct {
	Key      string
	Kind     OptionKind
	Elem     *Option  // what each element of a list or a map is
	Options  []Option // the keys of a table
	Doc      string
	Default  string // in TOML notation; "" for none
	Unit     string
	Min, Max string // of a number, a duration or a size; "" for no bound
	Enum     []string
	Required bool
}

// OptionKind is what an option's value is. In TOML a duration, a size and a secret are strings; a size
// may be an integer, too; a map is a table whose keys the user chooses.
type OptionKind string

// The kinds of options.
const (
	OptionString   OptionKind = "string"
	OptionBool     OptionKind = "boolean"
	OptionInteger  OptionKind = "integer"
	OptionNumber   OptionKind = "number"
	OptionDuration OptionKind = "duration"
	OptionSize     OptionKind = "size"
	OptionSecret   OptionKind = "secret"
	OptionTable    OptionKind = "table"
	OptionList     OptionKind = "list"
	OptionMap      OptionKind = "map"
	OptionOpen     OptionKind = "open" // a table whose keys are checked elsewhere: see OpenTable
)

// OpenTable is the type of a key under which a table stands that another program describes, such as the
// configuration of an external plugin. [Configure] takes it as it is; a [Validator] checks it.
type OpenTable map[string]any

// Type names what the option takes, in words such as "duration" or "list of strings".
func (o *Option) Type() string {
	if o.Elem == nil {
		if o.Kind == OptionOpen {
			return string(OptionTable)
		}
		return string(o.Kind)
	}
	elem := o.Elem.Type()
	if head, rest, composed := strings.Cut(elem, " of "); composed {
		elem = head + "s of " + rest
	} else {
		elem += "s"
	}
	if o.Kind == OptionMap {
		return "table of " + elem
	}
	return "list of " + elem
}

// Leaf returns the option itself or, of a list or a map, what its elements are in the end: there the
// bounds, the enum and the keys stand.
func (o *Option) Leaf() *Option {
	for o.Elem != nil {
		o = o.Elem
	}
	return o
}

// Options returns the schema of the struct that config points to, made from its tags (see [Configure]).
// An error is a mistake in the plugin's code: a tag that does not fit its field.
func Options(config any) ([]Option, error) {
	v, err := structOf(config)
	if err != nil {
		return nil, err
	}
	fields, err := describe(v.Type())
	if err != nil {
		return nil, err
	}
	return optionsOf(fields), nil
}

func optionsOf(fields []field) []Option {
	options := make([]Option, len(fields))
	for i := range fields {
		options[i] = fields[i].Option
	}
	return options
}

// Notation writes a value of a table, such as a default, as TOML.
func Notation(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	case []any:
		parts := make([]string, len(v))
		for i, elem := range v {
			parts[i] = Notation(elem)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+" = "+Notation(v[key]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(v)
}
