package packaging_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// parcel is what the tests look at in nfpm.yaml. nfpm itself refuses keys that it does not know.
type parcel struct {
	Name     string
	Contents []struct {
		Src, Dst, Type string
		Info           struct {
			Mode         int
			Owner, Group string
		} `yaml:"file_info"`
	}
	Scripts map[string]string
}

func readParcel(t *testing.T) (p parcel) {
	t.Helper()
	t.Chdir("../..") // where nfpm runs
	if err := yaml.Unmarshal([]byte(read(t, "conf/packaging/nfpm.yaml")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPackage(t *testing.T) {
	p := readParcel(t)
	installed := make(map[string]string) // by destination: type, mode and owner
	for _, c := range p.Contents {
		if c.Src != "" && c.Src != "${BINARY}" && c.Type != "symlink" {
			if files, err := filepath.Glob(c.Src); err != nil || len(files) == 0 {
				t.Errorf("%s: %d files, %v", c.Src, len(files), err)
			}
		}
		installed[c.Dst] = c.Src + " " + c.Type + " " + os.FileMode(c.Info.Mode).String() + " " + c.Info.Owner + ":" + c.Info.Group
	}
	f := func(dst, want string) {
		t.Helper()
		if got := installed[dst]; got != want {
			t.Errorf("%s is %q, want %q", dst, got, want)
		}
	}
	f("/usr/bin/gpuline", "${BINARY}  -rwxr-xr-x :")
	f("/etc/gpuline", " dir -rwxr-x--- root:gpuline")
	f("/etc/gpuline/gpuline.toml", "conf/gpuline.toml config|noreplace -rw-r----- root:gpuline")
	f("/usr/lib/systemd/system/gpuline.service", "conf/packaging/gpuline.service  -rw-r--r-- :")

	if len(p.Scripts) != 4 {
		t.Errorf("%d scripts, want 4", len(p.Scripts))
	}
	for _, path := range p.Scripts {
		if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: %v", path, err)
		}
		if text := read(t, path); !strings.HasPrefix(text, "#!/bin/sh\n") || !strings.Contains(text, "\nset -e\n") {
			t.Errorf("%s does not end at its first failure", path)
		}
	}
}
