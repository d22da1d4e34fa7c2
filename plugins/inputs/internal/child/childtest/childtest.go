// Package childtest makes a test's binary play the program that an input runs: its TestMain looks for a [Scenario],
// and plays it.
package childtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What the binary is started with.
const (
	scenarioKey = "GPULINE_FAKE_PROGRAM"
	folderKey   = "GPULINE_FAKE_PROGRAM_DIR" // where it notes what it did
)

// Scenario returns what this process is to play; "" where it is to run tests.
func Scenario() string { return os.Getenv(scenarioKey) }

// Program makes the binary play a scenario in the processes that are started from now on, and returns its path.
func Program(t testing.TB, scenario string) string {
	t.Helper()
	Play(t, scenario)
	t.Setenv(folderKey, t.TempDir())
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Play changes the scenario.
func Play(t testing.TB, scenario string) {
	t.Helper()
	t.Setenv(scenarioKey, scenario)
}

// Note has the program note something, and returns how often it has noted something under that name. A program whose
// test has ended, and taken the folder along, ends too.
func Note(name, text string) (n int) {
	for n = 1; ; n++ {
		f, err := os.OpenFile(path(name, n), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = f.WriteString(text)
			_ = f.Close()
			return n
		}
		if !errors.Is(err, fs.ErrExist) {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// Notes returns what was noted under a name, in order.
func Notes(name string) (all []string) {
	for n := 1; ; n++ {
		text, err := os.ReadFile(path(name, n))
		if err != nil {
			return all
		}
		all = append(all, string(text))
	}
}

func path(name string, n int) string {
	return filepath.Join(os.Getenv(folderKey), fmt.Sprint(name, n))
}
