package sdk

import (
	"reflect"
	"time"
)

// Configure fills the struct that config points to from a table, as a TOML decoder yields it: string,
// int64, float64, bool, time.Time, []any, []map[string]any, map[string]any. Keys that the table lacks
// leave their fields alone. It returns all faults at once, and then config is as it was: unknown keys,
// wrong types, values out of bounds, what is required and missing. A struct without such faults is asked
// for those that only it knows, if it is a [Validator]; these come with the struct filled. Where the struct
// has such faults, copies of it are asked, with several values in the place of those that were refused: what
// they all say about other keys is returned, too: what is wrong with one key, or with one table of a list, does not
// hide what is wrong with the next.
//
// Each exported field bears a tag toml:"key"; toml:"-" hides it, and an embedded struct without the tag
// lends its fields. Further tags: doc (a sentence), default, unit, min, max, enum ("a|b"), and
// required:"true". Elements of a default list stand between commas, those of a map are key=value. Min,
// max and enum of a list or a map concern each element. Types: string, bool, int, int64, float64,
// time.Duration ("10s", not negative unless min says so), [Size], [Secret], [OpenTable], structs, slices of
// all these and maps from string to them. Keys match exactly.
func Configure(config any, table map[string]any) []Fault {
	v, err := structOf(config)
	if err != nil {
		return []Fault{{Problem: err.Error()}}
	}
	fields, err := describe(v.Type())
	if err != nil {
		return []Fault{{Problem: err.Error()}}
	}
	if faults := Check(optionsOf(fields), table); len(faults) > 0 {
		known := textsOf(faults)
		for _, more := range askRest(config, v, fields, table, faults) {
			if !known[more.Error()] {
				faults = append(faults, more)
			}
		}
		return faults
	}
	fill(v, fields, table)
	if validator, ok := config.(Validator); ok {
		return Faults(validator.Validate())
	}
	return nil
}

// Defaults gives the fields of the struct behind the pointer config the values of their default tags.
// Faulty tags are left to [Configure] and [Options] to report.
func Defaults(config any) {
	if v, err := structOf(config); err == nil {
		setDefaults(v)
	}
}

func setDefaults(v reflect.Value) {
	fields, _ := describe(v.Type())
	for i := range fields {
		f := &fields[i]
		switch target := v.FieldByIndex(f.index); {
		case f.Kind == OptionTable:
			setDefaults(target)
		case f.value != nil:
			set(target, &f.Option, f.value)
		}
	}
}

// fill sets the fields that a checked table has.
func fill(v reflect.Value, fields []field, table map[string]any) {
	for i := range fields {
		f := &fields[i]
		if value, ok := table[f.Key]; ok {
			set(v.FieldByIndex(f.index), &f.Option, value)
		}
	}
}

func set(target reflect.Value, o *Option, value any) {
	switch o.Kind {
	case OptionString:
		target.SetString(value.(string))
	case OptionSecret:
		target.Set(reflect.ValueOf(NewSecret(value.(string))))
	case OptionBool:
		target.SetBool(value.(bool))
	case OptionInteger:
		n, _ := integer(value)
		target.SetInt(n)
	case OptionNumber:
		n, _ := number(value)
		target.SetFloat(n)
	case OptionDuration:
		d, _ := time.ParseDuration(value.(string))
		target.SetInt(int64(d))
	case OptionSize:
		size, _ := sizeOf(value)
		target.SetInt(int64(size))
	case OptionTable:
		fields, _ := describe(target.Type())
		fill(target, fields, value.(map[string]any))
	case OptionOpen:
		target.Set(reflect.ValueOf(OpenTable(value.(map[string]any))))
	case OptionList:
		elems, _ := list(value)
		s := reflect.MakeSlice(target.Type(), len(elems), len(elems))
		for i, elem := range elems {
			setElem(s.Index(i), o.Elem, elem)
		}
		target.Set(s)
	case OptionMap:
		m := reflect.MakeMap(target.Type())
		for key, value := range value.(map[string]any) {
			elem := reflect.New(target.Type().Elem()).Elem()
			setElem(elem, o.Elem, value)
			m.SetMapIndex(reflect.ValueOf(key).Convert(target.Type().Key()), elem)
		}
		target.Set(m)
	}
}

func setElem(target reflect.Value, o *Option, value any) {
	if o.Kind == OptionTable {
		setDefaults(target)
	}
	set(target, o, value)
}
