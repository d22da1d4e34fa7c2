package natsclient

import (
	"fmt"
	"testing"
)

func TestCheckSubject(t *testing.T) {
	f := func(subject, want string) {
		t.Helper()
		if got := fmt.Sprint(CheckSubject(subject)); got != want {
			t.Errorf("%q: %s, want %s", subject, got, want)
		}
	}
	const empty, space = "has an empty token: nothing before, behind or between dots", "has a space, or a character that cannot be printed"
	f("gpu", "<nil>")
	f("gpu.*.x.>", "<nil>")
	f(">", "<nil>")
	f("", empty)
	f(".gpu", empty)
	f("gpu.", empty)
	f("gpu..x", empty)
	f("gpu.a b", space)
	f("gpu\x7f", space)
	f("gpu.>.x", "has a > that is not at its end")
}

func TestValidName(t *testing.T) {
	f := func(name string, want bool) {
		t.Helper()
		if got := ValidName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	f("GPULINE", true)
	f("hub-1_ä", true)
	for _, name := range []string{"", "a b", "a.b", "*", "a>", "a/b", `a\b`, "a\tb", "a\x7f"} {
		f(name, false)
	}
}
