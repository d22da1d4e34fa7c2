//go:build integration

// Package servertest runs the servers that outputs write to, and gpuline as it is built, on the loopback
// interface for the length of a test. Programs are looked for in bin/ of the repository, where
// `make integration` puts them, and then in PATH.
package servertest

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Root returns the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Find returns the path of a program, or an error where it is not there.
func Find(t testing.TB, name string) (string, error) {
	t.Helper()
	if path, err := exec.LookPath(filepath.Join(Root(t), "bin", name)); err == nil {
		return path, nil
	}
	return exec.LookPath(name)
}

// Tool returns the path of a program that `make integration` installs, and fails the test without it.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := Find(t, name)
	if err != nil {
		t.Fatalf("%v: make integration installs it", err)
	}
	return path
}

// Binary builds gpuline for the test, and returns its path.
func Binary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gpuline")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "grpcnotrace", "-o", path, "./cmd/gpuline")
	build.Dir = Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build gpuline: %v\n%s", err, out)
	}
	return path
}

// Patience bounds how long a program may take to start, and to end.
const Patience = 30 * time.Second

// Launch starts a program, waits for a line of its standard error that matches ready, and returns the
// match's last group. The program is told to end, and waited for, when the test ends.
func Launch(t testing.TB, ready *regexp.Regexp, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = Patience
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan string, 1), make(chan struct{})
	var mu sync.Mutex
	var said strings.Builder
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			mu.Lock()
			said.WriteString(lines.Text() + "\n")
			mu.Unlock()
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[len(m)-1]:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), said.String())
		}
	})
	select {
	case match := <-found:
		return match
	case <-ended:
		t.Fatalf("%s has ended:\n%s", path, said.String())
	case <-time.After(Patience):
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("%s does not listen:\n%s", path, said.String())
	}
	return ""
}

// Poll calls done until it says so, and fails the test after the given time.
func Poll(t testing.TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v", what, within)
		}
	}
}
