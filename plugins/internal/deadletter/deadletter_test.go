package deadletter

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newFile(t *testing.T, c Config) *File {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "state", "dead.lp")
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 20
	}
	if c.MaxFiles == 0 {
		c.MaxFiles = 3
	}
	return New(c, func() time.Time { return time.Unix(1_700_000_000, 0) })
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAppend(t *testing.T) {
	f := newFile(t, Config{})
	if err := f.Append(nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(f.Path()); err == nil {
		t.Error("nothing to write has made a file")
	}
	entries := []Entry{
		{"400: conflict", []byte("a x=1 1\n")},
		{"400: conflict", []byte("a x=2 2\n")},
		{"two\nlines\x1b[2J\u2028", []byte("b x=1 1\n")},
		{"c: no field", nil},
		{"c: no field", nil},
	}
	if err := f.Append(entries); err != nil {
		t.Fatal(err)
	}
	if err := f.Append(entries[:1]); err != nil {
		t.Fatal(err)
	}
	want := `# 2023-11-14T22:13:20Z 400: conflict
a x=1 1
a x=2 2
# 2023-11-14T22:13:20Z two lines [2J 
b x=1 1
# 2023-11-14T22:13:20Z c: no field
# 2023-11-14T22:13:20Z c: no field
# 2023-11-14T22:13:20Z 400: conflict
a x=1 1
`
	if diff := cmp.Diff(want, read(t, f.Path())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for path, mode := range map[string]os.FileMode{f.Path(): 0o600, filepath.Dir(f.Path()): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// What is kept is what came last, whole, in files of the size that was asked for.
func TestFilesAreBounded(t *testing.T) {
	f := func(files, perAppend int) {
		t.Helper()
		const size, entry = 2000, 100
		d := newFile(t, Config{MaxBytes: size, MaxFiles: files})
		var all string
		for i := 0; i < 200; i += perAppend {
			var entries []Entry
			for k := range perAppend {
				line := fmt.Sprintf("m,i=%d x=\"%s\" 1\n", i+k, strings.Repeat("x", entry-20))
				entries = append(entries, Entry{"r", []byte(line)})
				all += line
			}
			if err := d.Append(entries); err != nil {
				t.Fatal(err)
			}
		}
		found, err := filepath.Glob(d.Path() + "*")
		if err != nil || len(found) > files {
			t.Errorf("%d files: %v, %v", files, found, err)
		}
		var kept string
		for i := files - 1; i >= 0; i-- {
			if _, err := os.Stat(d.aside(i)); err != nil {
				continue
			}
			text := read(t, d.aside(i))
			if len(text) > size+2*entry {
				t.Errorf("%d files: %s has %d bytes", files, d.aside(i), len(text))
			}
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(line, "#") {
					kept += line
				}
			}
		}
		if !strings.HasSuffix(all, kept) || len(kept) < (files-1)*size/2 {
			t.Errorf("%d files, %d at once: %d bytes are kept, and not the last ones", files, perAppend, len(kept))
		}
	}
	f(1, 1)
	f(1, 50)
	f(2, 1)
	f(3, 7)
	f(4, 100)
}

func TestOperatorMovesTheFile(t *testing.T) {
	f := newFile(t, Config{})
	one := []Entry{{"r", []byte("a x=1 1\n")}}
	if err := f.Append(one); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.Path(), f.Path()+".mine"); err != nil {
		t.Fatal(err)
	}
	if err := f.Append(one); err != nil {
		t.Fatal(err)
	}
	if a, b := read(t, f.Path()), read(t, f.Path()+".mine"); a != b {
		t.Errorf("%q and %q", a, b)
	}
}

func TestRightsAreTightened(t *testing.T) {
	f := newFile(t, Config{Path: filepath.Join(t.TempDir(), "dead.lp")})
	if err := os.WriteFile(f.Path(), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestFileThatCannotBeWritten(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFile(t, Config{Path: filepath.Join(blocked, "dead.lp")})
	for _, err := range []error{f.Check(), f.Append([]Entry{{"r", []byte("a x=1 1\n")}})} {
		if err == nil || !strings.Contains(err.Error(), "open dead-letter file: ") {
			t.Errorf("err = %v", err)
		}
	}
	full := newFile(t, Config{Path: "/dev/full"})
	if err := full.Append([]Entry{{"r", []byte("a x=1 1\n")}}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("on a full disk: %v", err)
	}
}
