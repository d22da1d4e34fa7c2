package sdk

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check compares a table with a schema and returns all faults, in the order of the table's sorted keys.
// [Configure] does the same for a struct; a host needs Check where the struct is in another process.
func Check(options []Option, table map[string]any) []Fault {
	return checkTable(options, nil, table)
}

// fewKeys are so few that a message can name them all.
const fewKeys = 8

func checkTable(options []Option, path []string, table map[string]any) []Fault {
	var faults []Fault
	meant := make(map[string]bool) // by keys that are unknown
	for _, key := range slices.Sorted(maps.Keys(table)) {
		at := append(slices.Clip(path), key)
		if i := slices.IndexFunc(options, func(o Option) bool { return o.Key == key }); i >= 0 {
			faults = append(faults, options[i].check(at, table[key])...)
			continue
		}
		f, holder := UnknownKey(at, keysOf(options)), Holder(options, key)
		switch {
		case f.Remedy != "":
		case holder != nil:
			f.Remedy = "it belongs in `" + holder.Key + "`"
		case len(path) > 0 && len(options) <= fewKeys:
			f.Remedy = "the keys here are " + strings.Join(keysOf(options), ", ")
		}
		faults = append(faults, f)
		meant[Nearest(key, keysOf(options))] = true
	}
	for i := range options {
		if o := &options[i]; o.Required && !meant[o.Key] {
			at := append(slices.Clip(path), o.Key)
			switch value, ok := table[o.Key]; {
			case !ok:
				faults = append(faults, Fault{Path: at, Problem: "is required"})
			case value == "":
				faults = append(faults, Fault{Path: at, Problem: "is required and must not be empty"})
			}
		}
	}
	return faults
}

// Holder returns the table, or list of tables, that has a key, or nil.
func Holder(options []Option, key string) *Option {
	for i := range options {
		if of := options[i].Leaf(); slices.ContainsFunc(of.Options, func(o Option) bool { return o.Key == key }) {
			return &options[i]
		}
	}
	return nil
}

// UnknownKey returns the fault of a key that is none of the known ones, with the nearest of them.
func UnknownKey(path []string, known []string) Fault {
	f := Fault{Path: path, Problem: "unknown key"}
	if near := Nearest(path[len(path)-1], known); near != "" {
		f.Remedy = "did you mean `" + near + "`?"
	}
	return f
}

func (o *Option) check(path []string, value any) []Fault {
	fault := func(problem, remedy string) []Fault { return []Fault{{path, problem, remedy}} }
	switch o.Kind {
	case OptionTable:
		if table, ok := value.(map[string]any); ok {
			return checkTable(o.Options, path, table)
		}
		return fault("must be a table, not "+article(value), asTable(value))
	case OptionOpen:
		if _, ok := value.(map[string]any); !ok {
			return fault("must be a table, not "+article(value), asTable(value))
		}
		return nil
	case OptionMap:
		table, ok := value.(map[string]any)
		if !ok {
			return fault("must be a table, not "+article(value), asTable(value))
		}
		var faults []Fault
		for _, key := range slices.Sorted(maps.Keys(table)) {
			faults = append(faults, o.Elem.check(append(slices.Clip(path), key), table[key])...)
		}
		return faults
	case OptionList:
		elems, ok := list(value)
		if !ok {
			remedy := "write it in brackets, [ … ]"
			if o.Elem.Kind == OptionTable {
				remedy = "write its heading in double brackets, [[ … ]]"
			}
			return fault("must be a "+o.Type()+", not "+article(value), remedy)
		}
		var faults []Fault
		for i, elem := range elems {
			faults = append(faults, o.Elem.check(append(slices.Clip(path), strconv.Itoa(i)), elem)...)
		}
		return faults
	case OptionString, OptionSecret:
		return o.checkText(path, value)
	case OptionBool:
		if _, ok := value.(bool); !ok {
			return fault("must be true or false, not "+article(value), unquote(value, "true", "false"))
		}
		return nil
	}
	n, bad := o.measure(value)
	if bad != nil {
		return fault(bad.Problem, bad.Remedy)
	}
	return o.checkBounds(path, n)
}

func (o *Option) checkText(path []string, value any) []Fault {
	text, ok := value.(string)
	remedy := ""
	switch {
	case !ok:
		if _, isTable := value.(map[string]any); !isTable {
			remedy = "write it in quotes"
		}
		return []Fault{{path, "must be a string, not " + article(value), remedy}}
	case o.Enum != nil && !slices.Contains(o.Enum, text):
		if near := Nearest(text, o.Enum); near != "" {
			remedy = "did you mean `" + near + "`?"
		}
		return []Fault{{path, "must be one of " + quoteAll(o.Enum), remedy}}
	}
	return nil
}

// asTable says how a table is written, in place of a value.
func asTable(value any) string {
	if _, isList := value.([]map[string]any); isList {
		return "write its heading in single brackets, [ … ]"
	}
	return "write it in braces, { KEY = VALUE }"
}

// checkBounds compares a number, as measure returns it, with min and max.
func (o *Option) checkBounds(path []string, n float64) []Fault {
	if o.Min != "" {
		if least, bad := o.measure(o.literal(o.Min)); bad == nil && n < least {
			return []Fault{{Path: path, Problem: "must be at least " + o.Min}}
		}
	} else if o.Kind == OptionDuration && n < 0 {
		return []Fault{{Path: path, Problem: "must not be negative"}}
	}
	if o.Max != "" {
		if most, bad := o.measure(o.literal(o.Max)); bad == nil && n > most {
			return []Fault{{Path: path, Problem: "must be at most " + o.Max}}
		}
	}
	return nil
}

// measure returns a numeric option's value as a number, or a fault without a path.
func (o *Option) measure(value any) (float64, *Fault) {
	text, isText := value.(string)
	switch o.Kind {
	case OptionInteger:
		if n, ok := integer(value); ok {
			return float64(n), nil
		}
		remedy := ""
		if _, err := strconv.ParseInt(text, 10, 64); isText && err == nil {
			remedy = "write it without quotes"
		}
		return 0, &Fault{Problem: "must be an integer, not " + article(value), Remedy: remedy}
	case OptionNumber:
		n, ok := number(value)
		switch {
		case ok && (math.IsNaN(n) || math.IsInf(n, 0)):
			return 0, &Fault{Problem: "must be a finite number"}
		case ok:
			return n, nil
		}
		remedy := ""
		if _, err := strconv.ParseFloat(text, 64); isText && err == nil {
			remedy = "write it without quotes"
		}
		if share, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64); strings.HasSuffix(text, "%") && err == nil {
			remedy = "write it as " + strconv.FormatFloat(share/100, 'g', -1, 64)
		}
		return 0, &Fault{Problem: "must be a number, not " + article(value), Remedy: remedy}
	case OptionDuration:
		if d, err := time.ParseDuration(text); isText && err == nil {
			return float64(d), nil
		}
		if n, ok := integer(value); ok {
			return 0, &Fault{Problem: "is not a duration", Remedy: fmt.Sprintf("write it as \"%ds\"", n)}
		}
		if n, ok := value.(float64); ok && !math.IsNaN(n) && !math.IsInf(n, 0) {
			return 0, &Fault{Problem: "is not a duration", Remedy: fmt.Sprintf("write it as \"%ss\"", strconv.FormatFloat(n, 'f', -1, 64))}
		}
		if meant := durationMeant(text); meant != "" {
			return 0, &Fault{Problem: "is not a duration", Remedy: "write it as " + strconv.Quote(meant)}
		}
		return 0, &Fault{Problem: "is not a duration", Remedy: "write it as \"10s\", \"1m30s\" or \"100ms\""}
	case OptionSize:
		if size, ok := sizeOf(value); ok {
			return float64(size), nil
		}
		return 0, &Fault{Problem: "is not a size", Remedy: "write it as \"512MB\" or \"32MiB\""}
	}
	return 0, &Fault{Problem: "is not a number"}
}

func integer(value any) (int64, bool) {
	switch n := value.(type) {
	case int64:
		return n, true
	case int: // of Definition.Common
		return int64(n), true
	}
	return 0, false
}

func number(value any) (float64, bool) {
	if n, ok := integer(value); ok {
		return float64(n), true
	}
	n, ok := value.(float64)
	return n, ok
}

func sizeOf(value any) (Size, bool) {
	if n, ok := integer(value); ok {
		return Size(n), n >= 0
	}
	text, ok := value.(string)
	if !ok {
		return 0, false
	}
	size, err := ParseSize(text)
	return size, err == nil
}

// list returns the elements of a list or of an array of tables.
func list(value any) ([]any, bool) {
	switch value := value.(type) {
	case []any:
		return value, true
	case []map[string]any:
		elems := make([]any, len(value))
		for i, table := range value {
			elems[i] = table
		}
		return elems, true
	}
	return nil, false
}

func unquote(value any, texts ...string) string {
	if text, ok := value.(string); ok && slices.Contains(texts, text) {
		return "write it without quotes"
	}
	return ""
}

// article names the type of a value with its article.
func article(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case int64, int:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	case []map[string]any:
		return "a list of tables"
	case map[string]any:
		return "a table"
	}
	return fmt.Sprintf("a %T", value)
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return strings.Join(quoted, ", ")
}
