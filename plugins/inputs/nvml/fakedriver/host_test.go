//go:build cgo

package fakedriver_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"golang.org/x/sys/unix"

	"github.com/gpuline/gpuline/plugins/inputs/nvml/fakedriver"
)

// library is the one library of this process: the full one, or in a child the one that its parent names.
var library = sync.OnceValues(func() (string, error) {
	if lib := os.Getenv(childLibrary); lib != "" {
		return lib, nil
	}
	return fakedriver.Build(builds)
})

const childLibrary = "FAKEDRIVER_TEST_LIBRARY"

var builds string // where the libraries are built

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "fakedriver")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func skipWithoutCompiler(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, fakedriver.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// newScenario returns a scenario over a clock of its own, at the given epoch and boot time.
func newScenario(t testing.TB, gpus int) *fakedriver.Scenario {
	t.Helper()
	clock, err := fakedriver.NewClock(filepath.Join(t.TempDir(), "clock"), time.Unix(1_700_000_000, 0), 1000*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clock.Close() })
	return fakedriver.New(clock, gpus)
}

// write makes the scenario the one that the next Init reads.
func write(t testing.TB, s *fakedriver.Scenario) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scenario")
	if err := s.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakedriver.Env, path)
}

func open(t testing.TB) nvml.Interface {
	t.Helper()
	lib, err := library()
	skipWithoutCompiler(t, err)
	return nvml.New(nvml.WithLibraryPath(lib))
}

// start writes the scenario and initialises the library until the test ends.
func start(t testing.TB, s *fakedriver.Scenario) nvml.Interface {
	t.Helper()
	write(t, s)
	lib := open(t)
	if ret := lib.Init(); ret != nvml.SUCCESS {
		t.Fatalf("Init: %v", ret)
	}
	t.Cleanup(func() { lib.Shutdown() })
	return lib
}

func gpu(t testing.TB, lib nvml.Interface, index int) nvml.Device {
	t.Helper()
	d, ret := lib.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		t.Fatalf("DeviceGetHandleByIndex(%d): %v", index, ret)
	}
	return d
}

// inChild runs the calling test again in a process of its own, over a library without what hide names. It
// returns true in the child.
func inChild(t *testing.T, hide ...string) bool {
	t.Helper()
	if os.Getenv(childLibrary) != "" {
		return true
	}
	dir, err := os.MkdirTemp(builds, "variant")
	if err != nil {
		t.Fatal(err)
	}
	lib, err := fakedriver.Build(dir, hide...)
	skipWithoutCompiler(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childLibrary+"="+lib)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("child: %v\n%s", err, out)
	}
	return false
}

// stderr returns what f, C code included, writes to it.
func stderr(t testing.TB, f func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	saved, err := unix.Dup(2)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(saved)
	if err := unix.Dup3(int(file.Fd()), 2, 0); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.Dup3(saved, 2, 0); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
