package sdk

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
)

// askRest asks a struct of which some keys are refused what is wrong with the others. That is sound where it holds
// whatever the refused keys may have been meant to be: a copy of the struct is asked with several values in their
// places, and what it says each time counts. What it says about a refused key, or names one in, never does.
func askRest(config any, v reflect.Value, fields []field, table map[string]any, faults []Fault) (rest []Fault) {
	if _, ok := config.(Validator); !ok {
		return nil
	}
	doubts := doubtsOf(optionsOf(fields), faults)
	concernsDoubt := func(f Fault) bool {
		return slices.ContainsFunc(doubts, func(d doubt) bool { return d.concerns(f) })
	}
	for n := range combinations(doubts) {
		c := reflect.New(v.Type())
		c.Elem().Set(v)
		fill(c.Elem(), fields, guessed(table, doubts, n))
		if r, ok := c.Interface().(RestValidator); ok {
			return slices.DeleteFunc(Faults(r.ValidateRest(keysOfDoubts(doubts))), concernsDoubt)
		}
		found := ask(c.Interface().(Validator))
		if n == 0 {
			rest = slices.DeleteFunc(found, concernsDoubt)
		}
		told := textsOf(found)
		rest = slices.DeleteFunc(rest, func(f Fault) bool { return !told[f.Error()] })
		if len(rest) == 0 {
			return nil
		}
	}
	return rest
}

// ask returns what a configuration says of itself. One that panics over a guess says nothing.
func ask(config Validator) (faults []Fault) {
	defer func() {
		if recover() != nil {
			faults = nil
		}
	}()
	return Faults(config.Validate())
}

func textsOf(faults []Fault) map[string]bool {
	texts := make(map[string]bool, len(faults))
	for _, f := range faults {
		texts[f.Error()] = true
	}
	return texts
}

// doubt is a key whose value is not known: it is refused, is required and missing, or stands there misspelt.
type doubt struct {
	path    []string // through tables and lists of tables, down to what is neither
	guesses []any    // nil for the default
	name    *regexp.Regexp
}

// doubtsOf finds the keys behind faults of a schema.
func doubtsOf(options []Option, faults []Fault) []doubt {
	var doubts []doubt
	for _, f := range faults {
		if d, found := doubtOf(options, f.Path); found {
			doubts = append(doubts, d)
		}
	}
	return doubts
}

func doubtOf(options []Option, path []string) (d doubt, found bool) {
	for depth := 0; depth < len(path); depth++ {
		key := path[depth]
		i := slices.IndexFunc(options, func(o Option) bool { return o.Key == key })
		if i < 0 {
			key = Nearest(key, keysOf(options))
			i = slices.IndexFunc(options, func(o Option) bool { return o.Key == key })
		}
		if i < 0 {
			return d, false
		}
		o := &options[i]
		d.path = append(d.path, key)
		d.guesses = append([]any{nil}, guesses(o)...)
		d.name = regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `\b`)
		if o.Kind == OptionList && o.Elem.Kind == OptionTable && depth+1 < len(path) {
			depth++
			d.path, d.guesses = append(d.path, path[depth]), guesses(o.Elem)
			o = o.Elem
		}
		if o.Kind != OptionTable {
			break
		}
		options = o.Options
	}
	return d, len(d.path) > 0
}

// concerns reports whether a fault is about the key, what is above or below it, or names it. The key of another table
// that is called the same is another one.
func (d *doubt) concerns(f Fault) bool {
	same := func(n int) bool { return slices.Equal(d.path[:n], f.Path[:n]) }
	if n := min(len(d.path), len(f.Path)); n > 0 && same(n) {
		return true
	}
	beside := same(min(len(d.path)-1, len(f.Path))) // in the same table, or one above
	return beside && (d.name.MatchString(f.Problem) || d.name.MatchString(f.Remedy))
}

func keysOfDoubts(doubts []doubt) []string {
	var keys []string
	for _, d := range doubts {
		keys = append(keys, d.path[0])
	}
	return keys
}

// mostCombinations bounds how often a struct is asked.
const mostCombinations = 64

func combinations(doubts []doubt) int {
	n := 1
	for i := range doubts {
		n = min(n*len(doubts[i].guesses), mostCombinations)
	}
	return n
}

// guessed returns the table with the guesses of the nth combination. Where there are more than are asked about, each
// doubt has each of its guesses all the same.
func guessed(table map[string]any, doubts []doubt, n int) map[string]any {
	stride := 1
	for i := range doubts {
		of := doubts[i].guesses
		table = replaced(table, doubts[i].path, of[n/stride%len(of)])
		if stride *= len(of); stride*len(of) > mostCombinations {
			stride = 1
		}
	}
	return table
}

// replaced returns a table with another value at the path, or without one where it is nil.
func replaced(table map[string]any, path []string, value any) map[string]any {
	table = maps.Clone(table)
	if table == nil {
		table = make(map[string]any)
	}
	key := path[0]
	elems, isList := list(table[key])
	inner, _ := table[key].(map[string]any)
	switch {
	case len(path) > 1 && isList:
		table[key] = replacedElem(elems, path[1:], value)
	case len(path) > 1:
		table[key] = replaced(inner, path[1:], value)
	case value == nil:
		delete(table, key)
	default:
		table[key] = value
	}
	return table
}

// replacedElem does so in a list of tables, whose index leads the path.
func replacedElem(elems []any, path []string, value any) []any {
	elems = slices.Clone(elems)
	i, _ := strconv.Atoi(path[0])
	if len(path) > 1 {
		elem, _ := elems[i].(map[string]any)
		value = replaced(elem, path[1:], value)
	}
	elems[i] = value
	return elems
}

// guesses returns values that an option may have been meant to have.
func guesses(o *Option) []any {
	bound := func(limit string, otherwise any) any {
		if limit != "" {
			return o.literal(limit)
		}
		return otherwise
	}
	switch o.Kind {
	case OptionString, OptionSecret:
		if o.Enum == nil {
			return []any{"", "x"}
		}
		var all []any
		for _, word := range o.Enum {
			all = append(all, word)
		}
		return all
	case OptionBool:
		return []any{false, true}
	case OptionInteger, OptionSize:
		return []any{bound(o.Min, int64(0)), bound(o.Max, int64(1<<30))}
	case OptionNumber:
		return []any{bound(o.Min, 0.0), bound(o.Max, 1e9)}
	case OptionDuration:
		return []any{bound(o.Min, "0s"), bound(o.Max, "1000h")}
	case OptionList:
		all := []any{[]any{}}
		for _, elem := range guesses(o.Elem) {
			all = append(all, []any{elem})
		}
		return all
	case OptionMap:
		all := []any{map[string]any{}}
		for _, elem := range guesses(o.Elem) {
			all = append(all, map[string]any{"x": elem})
		}
		return all
	case OptionTable:
		return tablesOf(o.Options)
	}
	return []any{map[string]any{}}
}

// tablesOf returns tables in which each option has one of its guesses.
func tablesOf(options []Option) (tables []any) {
	for n, more := 0, true; more; n++ {
		more = false
		table := make(map[string]any)
		for i := range options {
			of := guesses(&options[i])
			table[options[i].Key] = of[min(n, len(of)-1)]
			more = more || n+1 < len(of)
		}
		tables = append(tables, table)
	}
	return tables
}

func keysOf(options []Option) []string {
	keys := make([]string, len(options))
	for i := range options {
		keys[i] = options[i].Key
	}
	return keys
}
