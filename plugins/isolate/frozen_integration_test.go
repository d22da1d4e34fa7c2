//go:build integration

package isolate_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestChildInUninterruptibleSleep has a child write to a frozen file system: it hangs in the kernel as
// calls into a driver do, and does not die of SIGKILL. It is left behind and replaced.
func TestChildInUninterruptibleSleep(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root: a file system cannot be mounted and frozen")
	}
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput(); err != nil {
			t.Skipf("no file system to freeze: %s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	}
	dir := t.TempDir()
	image, mounted := filepath.Join(dir, "image"), filepath.Join(dir, "mounted")
	if err := os.WriteFile(image, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(mounted, 0o700); err != nil {
		t.Fatal(err)
	}
	run("mkfs.ext4", "-q", "-F", image)
	run("mount", "-o", "loop", image, mounted)
	t.Cleanup(func() { run("umount", mounted) })
	run("fsfreeze", "--freeze", mounted)
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			run("fsfreeze", "--unfreeze", mounted)
		}
	}
	t.Cleanup(thaw)

	// Its marker cannot be written; the child that replaces it finds one, and counts on.
	c := &probeConfig{Play: []string{":count", ":count", ":once"}, Marker: filepath.Join(mounted, "marker")}
	r := newRig(t, c)
	r.env.Timeout = 200 * time.Millisecond
	r.open()
	stuck, _ := r.child()
	var row int64
	wantError(t, r.readErrorCounting(&row), "has not returned for", "replaced")
	if isGone(stuck) {
		t.Fatal("the child is gone, so that the test proves nothing")
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(stuck.PID) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", status[:min(len(status), 120)])
	if got := r.figure("gpuline_child_abandoned"); got != 1 {
		t.Errorf("%v abandoned", got)
	}
	// The second hangs in the same way: there is no third.
	wantError(t, r.readErrorCounting(&row), "has not returned for", "replaced")
	wantError(t, r.readErrorCounting(&row), "two child processes hang in the kernel")
	thaw()
	<-stuck.Exited
	r.wantCounts(&row, 10)
	if got := r.figure("gpuline_child_abandoned"); got != 0 {
		t.Errorf("%v abandoned", got)
	}
}
