package sdk

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
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
		rest = slices.DeleteFunc(rest, func(f Fault) bool { return !contains(found, f) })
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

func contains(faults []Fault, f Fault) bool {
	return slices.ContainsFunc(faults, func(other Fault) bool { return other.Error() == f.Error() })
}

// doubt is a key whose value is not known: it is refused, is required and missing, or stands there misspelt.
type doubt struct {
	path    []string // through tables, down to what is none
	guesses []any    // nil for the default
	name    *regexp.Regexp
}

// doubtsOf finds the keys behind faults of a schema.
func doubtsOf(options []Option, faults []Fault) []doubt {
	var doubts []doubt
	for _, f := range faults {
		at := options
		for depth, key := range f.Path {
			i := slices.IndexFunc(at, func(o Option) bool { return o.Key == key })
			if i < 0 {
				key = Nearest(key, keysOf(at))
				i = slices.IndexFunc(at, func(o Option) bool { return o.Key == key })
			}
			if i < 0 {
				break
			}
			if o := &at[i]; o.Kind != OptionTable || depth == len(f.Path)-1 {
				path := append(slices.Clone(f.Path[:depth]), key)
				doubts = append(doubts, doubt{path, append([]any{nil}, guesses(o)...), regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `\b`)})
				break
			}
			at = at[i].Options
		}
	}
	return doubts
}

// concerns reports whether a fault is about the key, what is above or below it, or names it.
func (d *doubt) concerns(f Fault) bool {
	n := min(len(d.path), len(f.Path))
	return n > 0 && slices.Equal(d.path[:n], f.Path[:n]) || d.name.MatchString(f.Problem) || d.name.MatchString(f.Remedy)
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

// guessed returns the table with the guesses of the nth combination.
func guessed(table map[string]any, doubts []doubt, n int) map[string]any {
	for i := range doubts {
		of := doubts[i].guesses
		table = replaced(table, doubts[i].path, of[n%len(of)])
		n /= len(of)
	}
	return table
}

// replaced returns a table with another value at the path, or without one where it is nil.
func replaced(table map[string]any, path []string, value any) map[string]any {
	table = maps.Clone(table)
	switch inner, _ := table[path[0]].(map[string]any); {
	case len(path) > 1:
		table[path[0]] = replaced(inner, path[1:], value)
	case value == nil:
		delete(table, path[0])
	default:
		table[path[0]] = value
	}
	return table
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
