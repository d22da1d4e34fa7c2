package tegrastats

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	f := func(c Config, want ...string) {
		t.Helper()
		_, err := Definition().New(&c)
		if (err == nil) != (len(want) == 0) {
			t.Errorf("error %v, want %q", err, want)
		}
		for _, w := range want {
			if err != nil && !strings.Contains(err.Error(), w) {
				t.Errorf("error %q lacks %q", err, w)
			}
		}
	}
	f(*testConfig())
	f(Config{Mode: modeSysfs, BinPath: "x", Root: "/host"})
	f(Config{Mode: modeAuto, Root: "host"}, "`bin_path`", "leave it out", "`root`", "no absolute path")
}

func TestRelease(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		if got := release(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	f("# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t186ref, EABI: aarch64", "R32.7.1")
	f("# R38 (release), REVISION: 2.0", "R38.2.0")
	f("# something else", "")
	f("", "")
}
