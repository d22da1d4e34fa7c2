//go:build integration

// Package promtest runs a real Prometheus, and gpuline as it is built, on the loopback interface for the
// length of a test. The programs prometheus and promtool are looked for in bin/ of the repository, where
// `make integration` puts them, and then in PATH; a test fails where they are not there.
package promtest

import (
	"bufio"
	"context"
	"io"
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

// Tool returns the path of prometheus or promtool.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(filepath.Join(Root(t), "bin", name))
	if err != nil {
		path, err = exec.LookPath(name)
	}
	if err != nil {
		t.Fatalf("%v: make integration installs it", err)
	}
	return path
}

// Promtool runs promtool with the input, and fails the test where it finds fault.
func Promtool(t testing.TB, input io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Tool(t, "promtool"), args...)
	cmd.Stdin = input
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// patience bounds how long a program may take to start, and to end.
const patience = 30 * time.Second

// launch starts a program, waits for a line of its standard error that matches ready, and returns the
// match's last group. The program is told to end, and waited for, when the test ends.
func launch(t testing.TB, ready *regexp.Regexp, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
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
	case <-time.After(patience):
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("%s does not listen:\n%s", path, said.String())
	}
	return ""
}
