package sdk

import (
	"regexp"
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

// FuzzMatch compares with a regular expression.
func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "aXbYc")
	f.Add("*aab", "aaab")
	f.Add("?*\xff", "\xc3\xa9\xff")
	bytewise := func(text string) string { // a character for each byte
		var b strings.Builder
		for _, c := range []byte(text) {
			b.WriteRune(rune(c))
		}
		return b.String()
	}
	wild := strings.NewReplacer(`\*`, `.*`, `\?`, `.`)
	f.Fuzz(func(t *testing.T, pattern, name string) {
		want := regexp.MustCompile(`(?s)^` + wild.Replace(regexp.QuoteMeta(bytewise(pattern))) + `$`).MatchString(bytewise(name))
		if got := Match(pattern, name); got != want {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
	})
}
