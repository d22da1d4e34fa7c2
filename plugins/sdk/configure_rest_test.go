package sdk

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shop is a configuration whose keys know of each other.
type shop struct {
	Open  time.Duration `toml:"open" default:"8h"`
	Break time.Duration `toml:"break" default:"1h"`
	User  string        `toml:"user"`
	Staff []string      `toml:"staff"`
	Kind  string        `toml:"kind" default:"a" enum:"a|b"`
	Door  struct {
		Width int  `toml:"width" default:"2" min:"1"`
		Glass bool `toml:"glass"`
	} `toml:"door"`
	Owner string `toml:"owner" required:"true"`
}

func (s *shop) Validate() error {
	var faults []error
	fault := func(bad bool, problem string, path ...string) {
		if bad {
			faults = append(faults, Fault{Path: path, Problem: problem})
		}
	}
	fault(s.User == "root", "is too powerful", "user")
	fault(s.Break > s.Open/2, "is long", "break")
	fault(s.User == "" && len(s.Staff) == 0, "nobody is there")
	fault(s.Kind == "b" && s.Door.Glass, "is not for that kind", "door", "glass")
	fault(s.Door.Width/len(s.Owner) > 9, "is wide", "door", "width")
	return errors.Join(faults...)
}

// A key that is refused hides nothing about the others, and what is said about them is no consequence of it.
func TestConfigureAsksForTheRest(t *testing.T) {
	f := func(in table, want ...string) {
		t.Helper()
		var s shop
		Defaults(&s)
		var got []string
		for _, fault := range Configure(&s, in) {
			got = append(got, fault.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: -want +got\n%s", in, diff)
		}
	}
	const unopen = "`open`: is not a duration: write it as \"10s\", \"1m30s\" or \"100ms\""
	f(table{"owner": "o", "user": "root", "open": "x"}, unopen, "`user`: is too powerful")
	f(table{"owner": "o", "user": "root", "zzz": true}, "`zzz`: unknown key", "`user`: is too powerful")
	f(table{"owner": "o", "user": "u", "break": "20h", "open": "x"}, unopen)
	f(table{"owner": "o", "user": "u", "break": "20h", "opem": "50h"}, "`opem`: unknown key: did you mean `open`?")
	f(table{"owner": "o", "user": int64(5)}, "`user`: must be a string, not an integer: write it in quotes")
	f(table{"owner": "o", "user": int64(5), "staff": true}, "`staff`: must be a list of strings, not a boolean: write it in brackets, [ … ]",
		"`user`: must be a string, not an integer: write it in quotes")
	f(table{"owner": "o", "open": "x"}, unopen, "nobody is there")
	f(table{"owner": "o", "user": "root", "kind": "c", "door": table{"glass": true, "width": int64(99)}},
		"`kind`: must be one of \"a\", \"b\"", "`user`: is too powerful", "`door.width`: is wide")
	f(table{"owner": "o", "user": "root", "door": table{"glass": int64(1), "width": int64(99)}, "kind": "b"},
		"`door.glass`: must be true or false, not an integer", "`user`: is too powerful", "`door.width`: is wide")
	f(table{"owner": "o", "user": "root", "door": true}, "`door`: must be a table, not a boolean: write it in braces, { KEY = VALUE }", "`user`: is too powerful")
	f(table{"user": "root"}, "`owner`: is required") // over an owner without a name it panics
}

// chain asks somebody else.
type chain struct {
	shop
	Shops int `toml:"shops"`

	asked *[]string
}

func (c *chain) ValidateRest(refused []string) error {
	*c.asked = append(*c.asked, refused...)
	return errors.Join(c.Validate(), Fault{Path: []string{"shops"}, Problem: "is odd"}, Fault{Path: refused, Problem: "is the reason"})
}

func TestConfigureAsksOnceWhereMoreIsAsked(t *testing.T) {
	var asked []string
	c := chain{asked: &asked}
	Defaults(&c)
	faults := Configure(&c, table{"owner": "o", "user": "root", "shops": int64(3), "door": table{"width": int64(0)}})
	want := []Fault{
		{Path: []string{"door", "width"}, Problem: "must be at least 1"},
		{Path: []string{"user"}, Problem: "is too powerful"},
		{Path: []string{"shops"}, Problem: "is odd"},
	}
	if diff := cmp.Diff(want, faults); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"door"}, asked); diff != "" {
		t.Errorf("asked without: -want +got\n%s", diff)
	}
}
