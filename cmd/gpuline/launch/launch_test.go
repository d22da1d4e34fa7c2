package launch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestMain makes the test binary do as a child what its first argument says.
func TestMain(m *testing.M) {
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	if len(os.Args) < 2 {
		goleak.VerifyTestMain(m)
	}
	switch os.Args[1] {
	case "report":
		entries, _ := os.ReadDir("/proc/self/fd")
		var files []string
		for _, e := range entries {
			if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "pipe:") {
				files = append(files, to)
			}
		}
		fmt.Printf("args=%q variable=%s leader=%v\n%s",
			os.Args[1:], os.Getenv("LAUNCH_TEST"), syscall.Getpgrp() == os.Getpid(), files)
	case "slack":
		slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		fmt.Print(time.Duration(slack), err)
	case "take over":
		out, err := takeOver()
		name, _ := os.ReadFile("/proc/self/comm")
		fmt.Println("printed")
		_, _ = fmt.Fprintf(out, "message %v %s", err, name)
	case "family": // a grandchild that holds all that it can
		c := exec.CommandContext(context.Background(), "sleep", "60")
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		fmt.Println("started", c.Start())
		time.Sleep(time.Minute)
	case "fail":
		os.Exit(7)
	default:
		goleak.VerifyTestMain(m)
	}
	os.Exit(0)
}

// drain closes standard input, reads the child's output to its end and waits for the child.
func drain(t *testing.T, c *sdk.Child) (stdout, stderr string) {
	t.Helper()
	_ = c.Stdin.Close()
	out, err := io.ReadAll(c.Stdout)
	if err != nil {
		t.Error(err)
	}
	errors, err := io.ReadAll(c.Stderr)
	if err != nil {
		t.Error(err)
	}
	<-c.Exited
	_, _ = c.Stdout.Close(), c.Stderr.Close()
	return string(out), string(errors)
}

func start(t *testing.T, args ...string) *sdk.Child {
	t.Helper()
	c, err := Self(args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestChildInherits(t *testing.T) {
	t.Setenv("LAUNCH_TEST", "inherited")
	other := start(t, "family")
	defer func() {
		_ = other.Kill()
		drain(t, other)
	}()
	out, _ := drain(t, start(t, "report", "x y"))
	told, pipes, _ := strings.Cut(out, "\n")
	if want := `args=["report" "x y"] variable=inherited leader=true`; told != want {
		t.Errorf("got  %s\nwant %s", told, want)
	}
	for _, pipe := range []any{other.Stdin, other.Stdout, other.Stderr} { // else that child outlived the agent
		info, err := pipe.(*os.File).Stat()
		if err != nil {
			t.Fatal(err)
		}
		if own := fmt.Sprintf("pipe:[%d]", info.Sys().(*syscall.Stat_t).Ino); strings.Contains(pipes, own) {
			t.Errorf("a child has another's pipe %s: %s", own, pipes)
		}
	}
}

// The child may wake up late. The thread that started it goes on as before.
func TestChildIsDrowsy(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f := func() int {
		t.Helper()
		slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return slack
	}
	before := f()
	if out, _ := drain(t, start(t, "slack")); out != childSlack.String()+" <nil>" {
		t.Errorf("a child with %s, want %v", out, childSlack)
	}
	if after := f(); after != before {
		t.Errorf("%v, and %v before", time.Duration(after), time.Duration(before))
	}
}

func TestChildTakesStandardOutputOver(t *testing.T) {
	out, printed := drain(t, start(t, "take over"))
	if !strings.HasPrefix(out, "message <nil> launch.test") || printed != "printed\n" {
		t.Errorf("standard output %q, standard error %q", out, printed)
	}
}

func TestKillEndsTheWholeGroup(t *testing.T) {
	c := start(t, "family")
	if line, err := bufio.NewReader(c.Stdout).ReadString('\n'); line != "started <nil>\n" {
		t.Fatal(line, err)
	}
	began := time.Now()
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
	drain(t, c) // ends when the grandchild's end of the pipe is closed, too
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if err := c.Err(); err == nil || err.Error() != "signal: killed" {
		t.Error(err)
	}
	if err := c.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a second Kill: %v", err)
	}
}

func TestStatus(t *testing.T) {
	c := start(t, "fail")
	drain(t, c)
	if err := c.Err(); err == nil || err.Error() != "exit status 7" {
		t.Error(err)
	}
	c = start(t, "report")
	drain(t, c)
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}
