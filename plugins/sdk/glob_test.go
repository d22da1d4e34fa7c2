package sdk

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	f := func(pattern, name string, want bool) {
		t.Helper()
		if got := Match(pattern, name); got != want {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
	}
	f("*_total", "a_total", true)
	f("*_total", "_total", true)
	f("*_total", "a_totals", false)
	f("a*b*c", "aXbYbZc", true)
	f("a*b*c", "aXc", false)
	f("?b", "ab", true)
	f("?b", "b", false)
	f("", "", true)
	f("", "a", false)
	f("a", "ab", false)
	f("*", "", true)
	f("*a*a*a*a*a*a*a*a*b", strings.Repeat("a", 2000), false) // takes no time
}
