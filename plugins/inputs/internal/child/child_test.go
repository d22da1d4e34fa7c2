package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script writes a shell script, and returns a launcher of it with little patience.
func script(t *testing.T, text string) *Launcher {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	l := NewLauncher("program", path, "reboot", new(sdk.Number))
	l.Patience = Patience{Exit: 200 * time.Millisecond, Term: 200 * time.Millisecond, Kill: 5 * time.Second, Drain: 100 * time.Millisecond}
	return l
}

func TestRun(t *testing.T) {
	f := func(text, wantOut, wantErr string) {
		t.Helper()
		out, err := script(t, text).Run(t.Context(), []byte("> "), "a", "b")
		if string(out) != "> "+wantOut || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: %q, %v; want %q, %q", text, out, err, wantOut, wantErr)
		}
	}
	f(`echo "$@" $LC_ALL`, "a b C\n", "")
	f("echo x; exit 3", "x\n", "program ended with status 3")
	f("kill -9 $$", "", "program was ended by a signal")
	f("exec >&-; sleep 20", "", "closed its output and did not end")
	f("sleep 20 & echo x", "x\n", "") // who holds the pipe open does not hold up
}

func TestExitErrorHoldsStderr(t *testing.T) {
	_, err := script(t, "echo why >&2; exit 1").Run(t.Context(), nil)
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 1 || string(exit.Stderr) != "why\n" {
		t.Errorf("%+v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := script(t, "trap '' TERM; sleep 20").Run(ctx, nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if _, err := script(t, "echo x").Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a run after the end of its context: %v", err)
	}
}

// TestStopEndsTheGroup: what a program has started ends with it, whatever it thinks of SIGTERM.
func TestStopEndsTheGroup(t *testing.T) {
	l := script(t, `sh -c 'trap "" TERM; echo $$; exec sleep 60' & wait`)
	c, err := l.Start()
	if err != nil {
		t.Fatal(err)
	}
	var line []byte
	buf := make([]byte, 64)
	for !slices.Contains(line, '\n') {
		n, err := c.read(buf, time.Now().Add(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		line = append(line, buf[:n]...)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	if !l.Stop(c) {
		t.Error("the program is not gone")
	}
	for deadline := time.Now().Add(10 * time.Second); runs(pid); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("what the program has started runs on")
		}
	}
}

// runs reports whether a process is there, and has not ended.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// TestUnkillable plays processes that nothing kills: one is replaced, two are not.
func TestUnkillable(t *testing.T) {
	l := script(t, "exec sleep 30")
	l.Patience.Term, l.Patience.Kill = time.Millisecond, time.Millisecond
	var groups []int
	l.Kill = func(group int, _ syscall.Signal) error {
		groups = append(groups, group)
		return nil
	}
	for range 2 {
		c, err := l.Start()
		if err != nil {
			t.Fatal(err)
		}
		if l.Stop(c) {
			t.Error("an unkillable process is gone")
		}
	}
	if _, err := l.Start(); !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "start program: ") || !strings.Contains(err.Error(), "(reboot)") {
		t.Errorf("a third process: %v", err)
	}
	if n := l.abandoned.Get(); n != 2 || l.Stuck() != 2 {
		t.Errorf("%v abandoned, %d stuck", n, l.Stuck())
	}
	for _, group := range slices.Compact(groups) {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
	for deadline := time.Now().Add(5 * time.Second); l.Stuck() > 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the processes have ended, and still count as stuck")
		}
	}
}

func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		var faults int
		Repeat(ctx, Pauses{First: time.Second, Longest: 4 * time.Second}, func(context.Context) error {
			at = append(at, time.Since(began))
			switch len(at) {
			case 2:
				return ErrAgain
			case 6: // a long one
				time.Sleep(time.Minute)
			case 8:
				cancel()
			}
			return errors.New("ended")
		}, func(error) { faults++ })
		want := []time.Duration{0, 1, 1, 3, 7, 11, 72, 74}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) || faults != 6 {
			t.Errorf("sessions at %v, want %v; %d faults", at, want, faults)
		}
	})
}

func TestMailbox(t *testing.T) {
	var lost []int
	m := NewMailbox(2, func(n int) { lost = append(lost, n) })
	for n := range 5 {
		m.Put(n)
	}
	if a, b := <-m.C, <-m.C; a != 3 || b != 4 || !slices.Equal(lost, []int{0, 1, 2}) {
		t.Errorf("%d, %d; lost %v", a, b, lost)
	}
}

func TestLook(t *testing.T) {
	f := func(path, wantErr string) {
		t.Helper()
		if _, err := Look("program", path, "install it"); (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: %v, want %q", path, err, wantErr)
		}
	}
	f("sh", "")
	f("/bin/sh", "")
	f("nowhere-to-be-found", "install it, or set `bin_path`")
	f("/nowhere/program", "set `bin_path` to where program is")
	f("/etc/passwd", "cannot be executed")
}
