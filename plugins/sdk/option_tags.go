package sdk

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is an option with the place in a struct that it fills.
type field struct {
	Option
	index []int
	value any // the default, as a table would hold it; nil for none
}

func structOf(config any) (reflect.Value, error) {
	v := reflect.ValueOf(config)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}, fmt.Errorf("configuration is a %T, not a pointer to a struct", config)
	}
	return v.Elem(), nil
}

// Structs may nest so deep; a struct that holds a slice of itself would nest for ever.
const maxNesting = 8

func describe(t reflect.Type) ([]field, error) {
	fields, err := describeAt(t, nil, 0)
	seen := make(map[string]bool)
	for _, f := range fields {
		if seen[f.Key] {
			err = errors.Join(err, fmt.Errorf("%s: two fields have the key %q", t, f.Key))
		}
		seen[f.Key] = true
	}
	return fields, err
}

func describeAt(t reflect.Type, index []int, depth int) ([]field, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("%s: structs nest more than %d deep", t, maxNesting)
	}
	var fields []field
	var errs []error
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clip(index), i)
		key, tagged := sf.Tag.Lookup("toml")
		switch {
		case key == "-":
		case sf.Anonymous && !tagged && sf.Type.Kind() == reflect.Struct:
			inner, err := describeAt(sf.Type, at, depth+1)
			fields = append(fields, inner...)
			errs = append(errs, err)
		case !sf.IsExported():
		default:
			f, err := describeField(sf, depth)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s.%s: %w", t, sf.Name, err))
			}
			f.index = at
			fields = append(fields, f)
		}
	}
	return fields, errors.Join(errs...)
}

func describeField(sf reflect.StructField, depth int) (field, error) {
	tags, err := tagsOf(sf.Tag)
	if err != nil {
		return field{}, err
	}
	f := field{Option: Option{Key: tags["toml"]}}
	if f.Key == "" || strings.Trim(f.Key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return f, fmt.Errorf("tag toml:%q is not a key such as bin_path", f.Key)
	}
	o, err := optionOf(sf.Type, depth)
	if err != nil {
		return f, err
	}
	o.Key, o.Doc, o.Unit = f.Key, tags["doc"], tags["unit"]
	f.Option = o
	leaf := f.Leaf()
	leaf.Min, leaf.Max = tags["min"], tags["max"]
	if enum, ok := tags["enum"]; ok {
		leaf.Enum = strings.Split(enum, "|")
	}
	if err := leaf.checkLimits(); err != nil {
		return f, err
	}
	text, hasDefault := tags["default"]
	switch tags["required"] {
	case "":
	case "true":
		if f.Required = true; hasDefault {
			return f, errors.New("is required and has a default")
		}
	default:
		return f, fmt.Errorf("tag required:%q is not \"true\"", tags["required"])
	}
	if !hasDefault {
		return f, nil
	}
	if leaf.Kind == OptionTable || leaf.Kind == OptionOpen {
		return f, errors.New("a table takes no default; its fields do")
	}
	value := f.literal(text)
	if faults := f.check(nil, value); len(faults) > 0 {
		return f, fmt.Errorf("tag default:%q: %s", text, faults[0].Problem)
	}
	f.value, f.Default = value, Notation(value)
	return f, nil
}

func optionOf(t reflect.Type, depth int) (Option, error) {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return Option{Kind: OptionDuration}, nil
	case reflect.TypeFor[Size]():
		return Option{Kind: OptionSize}, nil
	case reflect.TypeFor[Secret]():
		return Option{Kind: OptionSecret}, nil
	case reflect.TypeFor[OpenTable]():
		return Option{Kind: OptionOpen}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return Option{Kind: OptionString}, nil
	case reflect.Bool:
		return Option{Kind: OptionBool}, nil
	case reflect.Int, reflect.Int64:
		return Option{Kind: OptionInteger}, nil
	case reflect.Float64:
		return Option{Kind: OptionNumber}, nil
	case reflect.Struct:
		fields, err := describeAt(t, nil, depth+1)
		return Option{Kind: OptionTable, Options: optionsOf(fields)}, err
	case reflect.Slice:
		elem, err := optionOf(t.Elem(), depth)
		return Option{Kind: OptionList, Elem: &elem}, err
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			elem, err := optionOf(t.Elem(), depth)
			return Option{Kind: OptionMap, Elem: &elem}, err
		}
	}
	return Option{}, fmt.Errorf("type %s is not supported", t)
}

// checkLimits finds bounds and enums that do not fit the kind.
func (o *Option) checkLimits() error {
	var bounds []float64
	for _, text := range []string{o.Min, o.Max} {
		if text == "" {
			continue
		}
		switch o.Kind {
		case OptionInteger, OptionNumber, OptionDuration, OptionSize:
		default:
			return fmt.Errorf("type %s has no bounds", o.Kind)
		}
		n, bad := o.measure(o.literal(text))
		if bad != nil {
			return fmt.Errorf("bound %q %s", text, bad.Problem)
		}
		bounds = append(bounds, n)
	}
	if len(bounds) == 2 && bounds[0] > bounds[1] {
		return fmt.Errorf("min %s is above max %s", o.Min, o.Max)
	}
	if o.Enum != nil && o.Kind != OptionString {
		return fmt.Errorf("only a string has an enum, not type %s", o.Kind)
	}
	return nil
}

// literal reads the text of a tag as the value that a table would hold: elements of a list stand
// between commas, those of a map are written key=value. Text that does not fit is returned as it is,
// for check to complain about.
func (o *Option) literal(text string) any {
	switch o.Kind {
	case OptionBool:
		if v, err := strconv.ParseBool(text); err == nil {
			return v
		}
	case OptionInteger:
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			return v
		}
	case OptionNumber:
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			return v
		}
	case OptionList:
		list := []any{}
		for part := range strings.SplitSeq(text, ",") {
			if text != "" {
				list = append(list, o.Elem.literal(strings.TrimSpace(part)))
			}
		}
		return list
	case OptionMap:
		table := map[string]any{}
		for part := range strings.SplitSeq(text, ",") {
			key, value, ok := strings.Cut(part, "=")
			if !ok {
				return text
			}
			table[strings.TrimSpace(key)] = o.Elem.literal(strings.TrimSpace(value))
		}
		return table
	}
	return text
}

var knownTags = []string{"toml", "doc", "default", "unit", "min", "max", "enum", "required"}

// tagsOf splits a struct tag. Unlike reflect it finds what is misspelt.
func tagsOf(tag reflect.StructTag) (map[string]string, error) {
	tags := make(map[string]string)
	for rest := strings.TrimSpace(string(tag)); rest != ""; rest = strings.TrimSpace(rest) {
		name, after, ok := strings.Cut(rest, ":")
		quoted, err := strconv.QuotedPrefix(after)
		if !ok || err != nil {
			return nil, fmt.Errorf("tag %q is not a list of name:\"value\"", rest)
		}
		if !slices.Contains(knownTags, name) {
			return nil, fmt.Errorf("unknown tag %q", name)
		}
		if _, twice := tags[name]; twice {
			return nil, fmt.Errorf("tag %q stands twice", name)
		}
		if tags[name], err = strconv.Unquote(quoted); err != nil {
			return nil, fmt.Errorf("tag %q: %w", name, err)
		}
		rest = after[len(quoted):]
	}
	return tags, nil
}
