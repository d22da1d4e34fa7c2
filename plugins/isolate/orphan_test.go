package isolate_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/plugins/isolate"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// beParent makes the test binary an agent that has an isolated input and does nothing else.
const beParent = "parent"

// parent opens an isolated input that plays what the arguments say, and prints its child's number.
func parent(plays []string) error {
	in, err := isolate.New("probe", &probeConfig{Play: plays})
	if err != nil {
		return err
	}
	env := &sdk.Env{
		Log: discard, Now: time.Now, Catalog: sdk.NewCatalog(sdk.Limits{}), Interval: 10 * time.Millisecond,
		Launch: func(args ...string) (*sdk.Child, error) {
			c, err := launch.Self(args...)
			if err == nil {
				fmt.Println(c.PID)
			}
			return c, err
		},
	}
	if err := in.Open(context.Background(), env); err != nil {
		return err
	}
	for b := sdk.NewBatch(env.Catalog); ; b.Reset() {
		_, _ = in.Read(context.Background(), b)
	}
}

// TestChildDiesWithItsAgent kills agents with SIGKILL, which they cannot tell their children.
func TestChildDiesWithItsAgent(t *testing.T) {
	f := func(plays ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{beParent}, plays...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		child, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // for the call to hang
		if syscall.Kill(child, 0) != nil {
			t.Fatal("there is no child")
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		killed := time.Now()
		for !isDead(child) {
			if time.Since(killed) > 10*time.Second {
				_ = syscall.Kill(child, syscall.SIGKILL)
				t.Fatalf("%v: the child lives on after 10 s", plays)
			}
			time.Sleep(time.Millisecond)
		}
		t.Logf("%v: gone after %v", plays, time.Since(killed).Round(time.Millisecond))
	}
	f(":count")
	f(":wait")
	f(":hang")
}

// isDead reports whether a process is gone, or waits for somebody to ask for its status.
func isDead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}
