//go:build cgo

package dcgm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// There is no hostengine to be had without a GPU and NVIDIA's packages, so the tests bring a libdcgm.so.4 of
// their own: testdata/fakedcgm. It is compiled against the headers of go-dcgm, and go-dcgm calls it as it would
// call DCGM's.
const fakeFile = "GPULINE_FAKE_DCGM"

var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// buildFake compiles the library, without the functions hidden, and returns its path.
func buildFake(t testing.TB, hidden ...string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	key := strings.Join(hidden, " ")
	if path := built.paths[key]; path != "" {
		return path
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("there is no gcc to compile the fake libdcgm.so.4 with")
	}
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/NVIDIA/go-dcgm/pkg/dcgm").Output()
	if err != nil {
		t.Fatalf("look for the headers of go-dcgm: %v", err)
	}
	if built.paths == nil { // kept until the tests end: a library that is loaded stays so
		built.dir, err = os.MkdirTemp("", "fakedcgm")
		if err != nil {
			t.Fatal(err)
		}
		scratch = append(scratch, built.dir)
		built.paths = make(map[string]string)
	}
	dir, err := os.MkdirTemp(built.dir, "lib")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "symbols"), []byte("{ "+globals(hidden)+"local: *; };\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, libraryName)
	args := []string{
		"-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-Wl,-soname," + libraryName,
		"-Wl,--version-script=" + filepath.Join(dir, "symbols"), "-I" + strings.TrimSpace(string(out)), "-o", path,
		"testdata/fakedcgm/libdcgm.c", "-lpthread",
	}
	if text, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	built.paths[key] = path
	return path
}

// globals lists the functions that are not hidden, for the linker.
func globals(hidden []string) string {
	all := "global:\n"
	for _, name := range callNames {
		if !strings.Contains(" "+strings.Join(hidden, " ")+" ", " "+name+" ") {
			all += name + ";\n"
		}
	}
	return all
}

// play is a fake hostengine, and an input that reads it.
type play struct {
	*following
	t    *testing.T
	file string
}

// set writes what the hostengine does from now on.
func (p *play) set(lines ...string) {
	p.t.Helper()
	setScene(p.t, p.file, lines...)
}

func setScene(t testing.TB, file string, lines ...string) {
	t.Helper()
	next := file + ".next"
	if err := os.WriteFile(next, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
}

// newScenario sets the scene for a process and its children, and returns its file.
func newScenario(t testing.TB, lines ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "scene")
	setScene(t, file, lines...)
	t.Setenv(fakeFile, file)
	return file
}

// engineConfig returns a configuration that reads the fake.
func engineConfig(t testing.TB) *Config {
	t.Helper()
	c := testConfig(modeHostengine)
	c.Library, c.Isolate = buildFake(t), false
	c.ProfilingInterval = 100 * ms
	return c
}

// hastyEngine opens an input in this process that loses no time.
func hastyEngine(t *testing.T, change func(*Config), lines ...string) *play {
	t.Helper()
	file := newScenario(t, lines...)
	c := engineConfig(t)
	if change != nil {
		change(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	e := newEngine(c)
	e.pace = pace{scan: 50 * ms, health: 50 * ms, patience: 500 * ms, first: 10 * ms, longest: 50 * ms}
	return &play{following: watch(t, e, 100*ms), t: t, file: file}
}

// xid writes the line of an XID that happens now.
func xidLine(gpu, code int) string {
	return fmt.Sprintf("xid %d %d %d", gpu, code, time.Now().UnixMicro())
}

var _ sdk.Reader = (*engine)(nil)
