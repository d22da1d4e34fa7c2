package urls

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	wrong := func(text string) error {
		if strings.HasPrefix(text, "x://") {
			return nil
		}
		return errors.New("is no x")
	}
	f := func(url string, urls []string, want ...string) {
		t.Helper()
		var got []string
		for _, err := range Check(url, urls, wrong, "write x://") {
			got = append(got, err.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, %q: %q, want %q", url, urls, got, want)
		}
	}
	f("x://a", nil)
	f("", []string{"x://a", "x://b"})
	f("", nil, "`url`: is required: write x://")
	f("y", nil, "`url`: is no x: write x://")
	f("", []string{"x://a", "", "y"}, "`urls.1`: is no x: write x://", "`urls.2`: is no x: write x://")
	f("x://a", []string{"y"}, "`url`: is given beside `urls`: give one of them", "`urls.0`: is no x: write x://")
}

func TestAll(t *testing.T) {
	if got := All("a", nil); !slices.Equal(got, []string{"a"}) {
		t.Error(got)
	}
	if got := All("", []string{"a", "b"}); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
}
