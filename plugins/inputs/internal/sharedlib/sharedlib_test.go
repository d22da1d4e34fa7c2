package sharedlib

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCached(t *testing.T) {
	f := func(cache, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "ld.so.cache")
		if err := os.WriteFile(path, []byte(cache), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := cached(path, "libnvidia-ml.so.1"); got != want {
			t.Errorf("%q: %q, want %q", cache, got, want)
		}
	}
	f("glibc-ld.so.cache1.1\x00libm.so.6\x00/lib/libm.so.6\x00", "")
	f("\x00libnvidia-ml.so.1\x00/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1\x00libz.so\x00", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")
	f("", "")
}

func TestFind(t *testing.T) {
	const name = "libof-gpuline-tests.so.7"
	dir := t.TempDir()
	t.Setenv("LD_LIBRARY_PATH", "/nowhere:"+dir)
	if _, err := Find(name, "", "the thing", "install it"); err == nil || !strings.Contains(err.Error(), "install it, or set `library`") {
		t.Errorf("%v", err)
	}
	if got := ToLoad(name, ""); got != name {
		t.Errorf("load %s", got)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(name, "", "the thing", ""); err != nil || found != path || ToLoad(name, "") != path {
		t.Errorf("%s, %v", found, err)
	}
	if found, err := Find(name, "/dev/null", "the thing", ""); err != nil || found != "/dev/null" || ToLoad(name, "/x") != "/x" {
		t.Errorf("%s, %v", found, err)
	}
	if _, err := Find(name, "/nowhere/x.so", "the thing", ""); err == nil || !strings.Contains(err.Error(), "look for the thing") {
		t.Errorf("%v", err)
	}
}
