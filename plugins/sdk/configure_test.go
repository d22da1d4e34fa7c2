package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type periodic struct {
	Period time.Duration `toml:"period" doc:"Length." default:"10s" min:"1ms"`
}

type namedRule struct {
	Name string        `toml:"name" doc:"Name." required:"true"`
	For  time.Duration `toml:"for" doc:"Time." default:"2m"`
}

type everything struct {
	periodic
	BinPath string             `toml:"bin_path" doc:"Path." default:"nvidia-smi"`
	Mode    string             `toml:"mode" doc:"Mode." default:"stream" enum:"stream|query|xml"`
	Loop    bool               `toml:"loop" doc:"Loop." default:"true"`
	GPUs    int                `toml:"gpus" doc:"Number." default:"8" min:"1" max:"64"`
	Seed    int64              `toml:"seed" doc:"Seed."`
	Speed   float64            `toml:"speed" doc:"Speed." default:"1" min:"0"`
	Size    Size               `toml:"size" doc:"Size." default:"16MB" unit:"bytes" max:"1GB"`
	Token   Secret             `toml:"token" doc:"Token."`
	Stats   []string           `toml:"stats" doc:"Stats." default:"mean, max" enum:"mean|max|p99"`
	Above   map[string]float64 `toml:"above" doc:"Levels."`
	From    map[string]string  `toml:"from" doc:"Counters." default:"power_watts=energy_joules"`
	TLS     struct {
		CA  string `toml:"ca" doc:"CA." default:"/ca"`
		Key Secret `toml:"key" doc:"Key."`
	} `toml:"tls" doc:"TLS."`
	Rules  []namedRule         `toml:"rules" doc:"Rules."`
	Lists  map[string][]string `toml:"lists" doc:"Lists."`
	Hidden chan int            `toml:"-"`
	state  int
}

func (e *everything) Validate() error {
	if e.GPUs == 13 {
		return errors.Join(
			Fault{Path: []string{"gpus"}, Problem: "brings bad luck", Remedy: "take 12"},
			fmt.Errorf("in all: %w", errors.Join(errors.New("one"), errors.New("two"))),
			fmt.Errorf("rule 1: %w", Fault{Path: []string{"rules", "0", "name"}, Problem: "is odd"}),
		)
	}
	return nil
}

type table = map[string]any

func TestConfigureNamesEveryFault(t *testing.T) {
	f := func(in table, want ...string) {
		t.Helper()
		var got []string
		c := everything{state: 7}
		Defaults(&c)
		before := c
		for _, fault := range Configure(&c, in) {
			got = append(got, fault.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v:\n%s", in, diff)
		}
		if len(want) > 0 && c.GPUs != 13 && !reflect.DeepEqual(c, before) {
			t.Errorf("%v: the configuration was changed in spite of faults", in)
		}
	}
	rules := func(r ...table) table { return table{"rules": r} }

	f(table{})
	f(table{"above": table{"a": "95%", "b": "300W"}},
		"`above.a`: must be a number, not a string: write it as 0.95", "`above.b`: must be a number, not a string")
	f(table{"ca": "x"}, "`ca`: unknown key: it belongs in `tls`")
	f(table{"intervall": 1, "Mode": "xml", "bin-path": "x", "zzz": true},
		"`Mode`: unknown key: did you mean `mode`?", "`bin-path`: unknown key: did you mean `bin_path`?",
		"`intervall`: unknown key", "`zzz`: unknown key")
	f(table{"gups": int64(1)}, "`gups`: unknown key: did you mean `gpus`?")
	f(table{"period": int64(10)}, "`period`: is not a duration: write it as \"10s\"")
	f(table{"period": 1.5}, "`period`: is not a duration: write it as \"1.5s\"")
	f(table{"period": "10"}, "`period`: is not a duration: write it as \"10s\"")
	f(table{"period": "ten"}, "`period`: is not a duration: write it as \"10s\", \"1m30s\" or \"100ms\"")
	f(table{"period": "1us"}, "`period`: must be at least 1ms")
	f(table{"period": true}, "`period`: is not a duration: write it as \"10s\", \"1m30s\" or \"100ms\"")
	f(table{"bin_path": int64(1)}, "`bin_path`: must be a string, not an integer: write it in quotes")
	f(table{"bin_path": table{}}, "`bin_path`: must be a string, not a table")
	f(table{"mode": "strem"}, "`mode`: must be one of \"stream\", \"query\", \"xml\": did you mean `stream`?")
	f(table{"mode": "json"}, "`mode`: must be one of \"stream\", \"query\", \"xml\"")
	f(table{"loop": "true"}, "`loop`: must be true or false, not a string: write it without quotes")
	f(table{"loop": int64(1)}, "`loop`: must be true or false, not an integer")
	f(table{"gpus": "4"}, "`gpus`: must be an integer, not a string: write it without quotes")
	f(table{"gpus": "four"}, "`gpus`: must be an integer, not a string")
	f(table{"gpus": 4.5}, "`gpus`: must be an integer, not a float")
	f(table{"gpus": int64(0)}, "`gpus`: must be at least 1")
	f(table{"gpus": int64(65)}, "`gpus`: must be at most 64")
	f(table{"gpus": time.Now()}, "`gpus`: must be an integer, not a date")
	f(table{"speed": "1"}, "`speed`: must be a number, not a string: write it without quotes")
	f(table{"speed": -0.1}, "`speed`: must be at least 0")
	f(table{"speed": inf()}, "`speed`: must be a finite number")
	f(table{"size": "16 megs"}, "`size`: is not a size: write it as \"512MB\" or \"32MiB\"")
	f(table{"size": int64(-1)}, "`size`: is not a size: write it as \"512MB\" or \"32MiB\"")
	f(table{"size": "2GB"}, "`size`: must be at most 1GB")
	f(table{"token": int64(123456)}, "`token`: must be a string, not an integer: write it in quotes")
	f(table{"stats": "mean"}, "`stats`: must be a list of strings, not a string: write it in brackets, [ … ]")
	f(table{"stats": []any{"mean", "maxx", int64(1)}},
		"`stats.1`: must be one of \"mean\", \"max\", \"p99\": did you mean `max`?",
		"`stats.2`: must be a string, not an integer: write it in quotes")
	f(table{"above": table{"a": "x", "b": true, "c": 1.0}},
		"`above.a`: must be a number, not a string", "`above.b`: must be a number, not a boolean")
	f(table{"above": []any{}}, "`above`: must be a table, not a list: write it in braces, { KEY = VALUE }")
	f(table{"tls": []table{{}}}, "`tls`: must be a table, not a list of tables: write its heading in single brackets, [ … ]")
	f(table{"tls": table{"cA": "x"}}, "`tls.cA`: unknown key: did you mean `ca`?")
	f(table{"rules": table{}}, "`rules`: must be a list of tables, not a table: write its heading in double brackets, [[ … ]]")
	f(rules(table{"name": "a"}, table{"for": "1s"}), "`rules.1.name`: is required")
	f(rules(table{"name": ""}), "`rules.0.name`: is required and must not be empty")
	f(rules(table{"name": "a", "for": "-1s"}), "`rules.0.for`: must not be negative")
	f(table{"rules": []any{"x"}}, "`rules.0`: must be a table, not a string: write it in braces, { KEY = VALUE }")
	f(table{"hidden": 1, "state": 1}, "`hidden`: unknown key", "`state`: unknown key: did you mean `stats`?")
	f(table{"gpus": int64(13)}, "`gpus`: brings bad luck: take 12", "in all: one\ntwo",
		"`rules.0.name`: rule 1: is odd")
}

func inf() float64 { return 1 / zero }

var zero float64

func TestConfigureFills(t *testing.T) {
	c := everything{state: 7}
	Defaults(&c)
	want := everything{
		periodic: periodic{10 * time.Second}, BinPath: "nvidia-smi", Mode: "stream", Loop: true, GPUs: 8, Speed: 1,
		Size: 16e6, Stats: []string{"mean", "max"}, From: map[string]string{"power_watts": "energy_joules"}, state: 7,
	}
	want.TLS.CA = "/ca"
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("defaults\n%+v\nwant\n%+v", c, want)
	}
	faults := Configure(&c, table{
		"period": "1m30s", "bin_path": "/bin/x", "mode": "xml", "loop": false, "gpus": int64(2), "seed": int64(-5),
		"speed": int64(3), "size": "32MiB", "token": "t", "stats": []any{"p99"}, "above": table{"a": int64(1), "b": 0.5},
		"from": table{}, "tls": table{"key": "k"}, "rules": []table{{"name": "a"}, {"name": "b", "for": "1s"}},
		"lists": table{"x": []any{"a", "!b"}},
	})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want = everything{
		periodic: periodic{90 * time.Second}, BinPath: "/bin/x", Mode: "xml", GPUs: 2, Seed: -5, Speed: 3, Size: 32 << 20,
		Token: NewSecret("t"), Stats: []string{"p99"}, Above: map[string]float64{"a": 1, "b": 0.5}, From: map[string]string{},
		Rules: []namedRule{{"a", 2 * time.Minute}, {"b", time.Second}}, Lists: map[string][]string{"x": {"a", "!b"}}, state: 7,
	}
	want.TLS.CA, want.TLS.Key = "/ca", NewSecret("k")
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("configured\n%+v\nwant\n%+v", c, want)
	}
}

func TestOptionsDescribeEveryKey(t *testing.T) {
	options, err := Options(&everything{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range options {
		o := &options[i]
		got = append(got, strings.Join([]string{o.Key, o.Type(), o.Default, o.Unit, o.Leaf().Min, o.Leaf().Max, strings.Join(o.Leaf().Enum, "|")}, ";"))
	}
	want := []string{
		`period;duration;"10s";;1ms;;`, `bin_path;string;"nvidia-smi";;;;`, `mode;string;"stream";;;;stream|query|xml`,
		`loop;boolean;true;;;;`, `gpus;integer;8;;1;64;`, `seed;integer;;;;;`, `speed;number;1.0;;0;;`, `size;size;"16MB";bytes;;1GB;`,
		`token;secret;;;;;`, `stats;list of strings;["mean", "max"];;;;mean|max|p99`, `above;table of numbers;;;;;`,
		`from;table of strings;{ power_watts = "energy_joules" };;;;`, `tls;table;;;;;`, `rules;list of tables;;;;;`,
		`lists;table of lists of strings;;;;;`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	var back []Option
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(options, back); diff != "" {
		t.Errorf("through JSON:\n%s", diff)
	}
}

func TestMistakesInTagsAreFound(t *testing.T) {
	f := func(config any, want string) {
		t.Helper()
		if _, err := Options(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: Options says %v, want %q", config, err, want)
		}
		Defaults(config)
		if faults := Configure(config, table{}); len(faults) != 1 || !strings.Contains(faults[0].Problem, want) {
			t.Errorf("%T: Configure says %v, want %q", config, faults, want)
		}
	}
	f(nil, "not a pointer to a struct")
	f(everything{}, "not a pointer to a struct")
	f((*everything)(nil), "not a pointer to a struct")
	f(&struct{ A string }{}, `tag toml:"" is not a key`)
	f(&struct {
		A string `toml:"aB"`
	}{}, `tag toml:"aB" is not a key`)
	f(&struct {
		A string `toml:"a" defualt:"x"`
	}{}, `unknown tag "defualt"`)
	f(tagged(`toml:"a" default`), `is not a list of name:"value"`)
	f(tagged(`toml:"a" toml:"b"`), `tag "toml" stands twice`)
	f(&struct {
		A string `toml:"a"`
		B string `toml:"a"`
	}{}, `two fields have the key "a"`)
	f(&struct {
		A uint8 `toml:"a"`
	}{}, "type uint8 is not supported")
	f(&struct {
		A *string `toml:"a"`
	}{}, "type *string is not supported")
	f(&struct {
		A map[int]string `toml:"a"`
	}{}, "type map[int]string is not supported")
	f(&struct {
		A int `toml:"a" default:"x"`
	}{}, `tag default:"x": must be an integer`)
	f(&struct {
		A int `toml:"a" default:"3" min:"4"`
	}{}, `tag default:"3": must be at least 4`)
	f(&struct {
		A string `toml:"a" default:"c" enum:"a|b"`
	}{}, `tag default:"c": must be one of`)
	f(&struct {
		A int `toml:"a" min:"x"`
	}{}, `bound "x" must be an integer`)
	f(&struct {
		A int `toml:"a" min:"2" max:"1"`
	}{}, "min 2 is above max 1")
	f(&struct {
		A string `toml:"a" min:"2"`
	}{}, "type string has no bounds")
	f(&struct {
		A int `toml:"a" enum:"1|2"`
	}{}, "only a string has an enum, not type integer")
	f(&struct {
		A string `toml:"a" required:"yes"`
	}{}, `required:"yes" is not "true"`)
	f(&struct {
		A string `toml:"a" required:"true" default:"x"`
	}{}, "is required and has a default")
	f(&struct {
		A struct{ B string } `toml:"a"`
	}{}, `.B: tag toml:"" is not a key`)
	f(&struct {
		A []namedRule `toml:"a" default:"x"`
	}{}, "a table takes no default")
	f(&struct {
		A endless `toml:"a"`
	}{}, "structs nest more than 8 deep")
}

type even struct {
	N int `toml:"n" default:"1"`
	M int `toml:"m"`
}

type evens struct {
	List []even `toml:"list"`
	Name string `toml:"name"`
}

func (e *evens) Validate() error {
	var faults FaultList
	first := make(map[int]bool)
	for i, elem := range e.List {
		if elem.N%2 != 0 {
			faults.Add("is odd", "", "list", strconv.Itoa(i), "n")
		}
		if first[elem.N] {
			faults.Add("is there twice", "", "list", strconv.Itoa(i), "n")
		}
		first[elem.N] = true
	}
	faults.Add("all was asked", "")
	return faults.Err()
}

// A faulty table does not hide what is wrong with its neighbours, or with its own other keys.
func TestConfigureAsksTheSoundTables(t *testing.T) {
	f := func(table map[string]any, want ...string) {
		t.Helper()
		var got []string
		for _, fault := range Configure(&evens{}, table) {
			got = append(got, fault.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: -want +got\n%s", table, diff)
		}
	}
	list := func(tables ...map[string]any) []map[string]any { return tables }
	f(map[string]any{"list": list(map[string]any{"n": int64(3)})}, "`list.0.n`: is odd", "all was asked")
	f(map[string]any{"list": list(map[string]any{"n": "x"}, map[string]any{"n": int64(3)}, map[string]any{"n": int64(4)}, map[string]any{})},
		"`list.0.n`: must be an integer, not a string", "`list.1.n`: is odd", "`list.3.n`: is odd", "all was asked")
	f(map[string]any{"list": list(map[string]any{"n": int64(3), "m": "x"})}, "`list.0.m`: must be an integer, not a string", "`list.0.n`: is odd", "all was asked")
	f(map[string]any{"list": list(map[string]any{"n": int64(3)}), "nam": "x"}, "`nam`: unknown key: did you mean `name`?", "`list.0.n`: is odd", "all was asked")
	f(map[string]any{"list": list(map[string]any{"n": int64(4), "m": "x"}, map[string]any{"n": int64(4), "mm": int64(4)}, map[string]any{"n": "x"})},
		"`list.0.m`: must be an integer, not a string", "`list.1.mm`: unknown key: the keys here are n, m", "`list.2.n`: must be an integer, not a string",
		"`list.1.n`: is there twice", "all was asked")
	f(map[string]any{"list": []any{"x", map[string]any{"n": int64(3)}}}, "`list.0`: must be a table, not a string: write it in braces, { KEY = VALUE }", "`list.1.n`: is odd", "all was asked")
	var tables []map[string]any
	var faults []string
	for i := range 9 {
		tables = append(tables, map[string]any{"n": int64(4), "m": "x"})
		faults = append(faults, "`list."+strconv.Itoa(i)+".m`: must be an integer, not a string")
	}
	for i := range 8 {
		faults = append(faults, "`list."+strconv.Itoa(i+1)+".n`: is there twice")
	}
	f(map[string]any{"list": tables}, append(faults, "all was asked")...)
	f(map[string]any{"list": "x"}, "`list`: must be a list of tables, not a string: write its heading in double brackets, [[ … ]]", "all was asked")
}

// tagged returns a configuration with one string field that bears a tag which vet would not let pass.
func tagged(tag reflect.StructTag) any {
	return reflect.New(reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeFor[string](), Tag: tag}})).Interface()
}

type endless struct {
	Inner []endless `toml:"inner"`
}

func TestFaultList(t *testing.T) {
	var l FaultList
	if err := append(l, nil).Err(); err != nil {
		t.Error(err)
	}
	l.Add("is empty", "leave it out", "a", "0")
	l.Add("is negative", "", "b")
	l = append(l, nil, errors.New("wrong"))
	got := Faults(l.Err())
	want := []Fault{{[]string{"a", "0"}, "is empty", "leave it out"}, {[]string{"b"}, "is negative", ""}, {nil, "wrong", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"interval", "url", "timeout", "temperature_celsius", "a"}
	f := func(in, want string) {
		t.Helper()
		if got := Nearest(in, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
	f("intervall", "interval")
	f("INTERVAL", "interval")
	f("itnerval", "interval")
	f("ulr", "url")
	f("ur", "url")
	f("timeouts", "timeout")
	f("temperature-celcius", "temperature_celsius")
	f("temp", "temperature_celsius")
	f("timeout_seconds", "timeout")
	f("urls_of_all", "")
	known = append(known, "temperature_limit_celsius")
	f("temperature", "")
	f("queue", "")
	f("b", "")
	f("", "")
	f(strings.Repeat("interval", 9), "")
}

func FuzzDefaultTags(f *testing.F) {
	f.Add("10s", "1ms", "a|b")
	f.Fuzz(func(t *testing.T, value, bound, enum string) {
		for _, typ := range []reflect.Type{
			reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[float64](), reflect.TypeFor[time.Duration](),
			reflect.TypeFor[Size](), reflect.TypeFor[[]string](), reflect.TypeFor[map[string]float64](),
		} {
			for _, tag := range []string{
				fmt.Sprintf(`toml:"a" default:%q min:%q`, value, bound), fmt.Sprintf(`toml:"a" default:%q enum:%q`, value, enum),
			} {
				config := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "A", Type: typ, Tag: reflect.StructTag(tag)}})).Interface()
				Defaults(config)
				_, err := Options(config)
				if faults := Configure(config, nil); (err == nil) != (len(faults) == 0) {
					t.Fatalf("%s: Options says %v, Configure %v", tag, err, faults)
				}
			}
		}
	})
}
