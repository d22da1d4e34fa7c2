package sdk

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutlookJoin(t *testing.T) {
	fields := func(names ...string) (list []Field) {
		for _, n := range names {
			list = append(list, Field{Name: n})
		}
		return list
	}
	type table = map[string][]Field
	f := func(a, b, want Outlook) {
		t.Helper()
		if diff := cmp.Diff(want, a.Join(b)); diff != "" {
			t.Errorf("%v and %v: -want +got\n%s", a, b, diff)
		}
	}
	f(Outlook{}, Outlook{}, Outlook{Fields: table{}})
	f(Outlook{Whole: true}, Outlook{Whole: true}, Outlook{Fields: table{}, Whole: true})
	whole := Outlook{Fields: table{"a": fields("x", "y"), "b": nil}, Whole: true}
	f(whole, Outlook{}, Outlook{Fields: table{}})
	f(Outlook{}, whole, Outlook{Fields: table{}})
	f(whole, Outlook{Fields: table{"a": fields("y", "z")}}, Outlook{Fields: table{"a": fields("x", "y", "z")}})
	f(whole, Outlook{Fields: table{"c": fields("z")}, Whole: true}, Outlook{Fields: table{"a": fields("x", "y"), "b": nil, "c": fields("z")}, Whole: true})
	f(whole, Outlook{Fields: table{"c": fields("z")}}, Outlook{Fields: table{"c": fields("z")}})
}

func TestOutlookLacks(t *testing.T) {
	f := func(o Outlook, want bool) {
		t.Helper()
		if got := o.Lacks("x"); got != want {
			t.Errorf("%v: %v", o, got)
		}
	}
	f(Outlook{}, false)
	f(Outlook{Whole: true}, true)
	f(Outlook{Fields: map[string][]Field{"a": {{Name: "y"}}}}, false)
	f(Outlook{Fields: map[string][]Field{"a": {{Name: "y"}}}, Whole: true}, true)
	f(Outlook{Fields: map[string][]Field{"a": nil, "b": {{Name: "x"}}}, Whole: true}, false)
}
