package sdk

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOpenTable(t *testing.T) {
	type config struct {
		Config OpenTable `toml:"config" doc:"Another program's."`
	}
	options, err := Options(&config{})
	if err != nil || options[0].Kind != OptionOpen || options[0].Type() != "table" {
		t.Fatalf("options %+v, %v", options, err)
	}
	f := func(value any, want ...Fault) {
		t.Helper()
		var c config
		if diff := cmp.Diff(want, Configure(&c, table{"config": value})); diff != "" {
			t.Errorf("%v: -want +got\n%s", value, diff)
		}
		if inner, ok := value.(table); ok && !cmp.Equal(table(c.Config), inner) {
			t.Errorf("%v became %v", value, c.Config)
		}
	}
	f(table{"a": int64(1), "b": table{"c": []any{"d"}}})
	f(table{})
	f("text", Fault{Path: []string{"config"}, Problem: "must be a table, not a string", Remedy: "write it in braces, { KEY = VALUE }"})
}
