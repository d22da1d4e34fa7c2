package host_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// beHost opens plugins, prints their processes and waits to be killed.
func beHost() {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	for _, before := range []string{"", "leak"} {
		def := sdk.Registry(host.Definitions()).Find(sdk.RoleInput, host.Name)
		config := def.NewConfig()
		for _, fault := range sdk.Configure(config, table{"path": path, "plugin": "ticks", "env": table{"TEST_BEFORE": before}}) {
			panic(fault)
		}
		i, err := def.New(config)
		if err != nil {
			panic(err)
		}
		env := &sdk.Env{
			Log: slog.New(slog.DiscardHandler), Now: time.Now, Catalog: sdk.NewCatalog(sdk.Limits{}), Meter: sdk.NewMeter(),
		}
		if err := i.(sdk.Opener).Open(context.Background(), env); err != nil {
			panic(err)
		}
		fmt.Println(host.PID(i))
	}
	fmt.Println("ready")
	select {}
}

// startHost starts a host with two plugins, whose process groups it returns.
func startHost(t *testing.T, environment ...string) (host *exec.Cmd, groups []int) {
	t.Helper()
	cmd := exec.Command(self(t))
	cmd.Env = append(append(os.Environ(), "GPULINE_TEST_HOST=1"), environment...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for in := bufio.NewScanner(out); in.Scan() && in.Text() != "ready"; {
		pid, err := strconv.Atoi(in.Text())
		if err != nil {
			t.Fatal(in.Text())
		}
		groups = append(groups, pid)
	}
	if len(groups) != 2 || !alive(groups[0]) || !alive(groups[1]) {
		t.Fatalf("plugins %v", groups)
	}
	return cmd, groups
}

// TestOrphans kills a host with SIGKILL: none of its plugins, nor what they have started, is there 2 s
// later; one is stopped, and so cannot know.
func TestOrphans(t *testing.T) {
	cmd, groups := startHost(t)
	if err := syscall.Kill(groups[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !stopped(groups[0]) { // until then the kernel does not wake a group that loses its parent
		<-time.After(time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Second); alive(groups[0]) || alive(groups[1]); {
		if time.Now().After(deadline) {
			t.Fatalf("left behind after 2 s: %v %v of %v", alive(groups[0]), alive(groups[1]), groups)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestFoldersOfKilledHost: the sockets of a host that was killed go when the next one starts; those of a host
// that lives stay.
func TestFoldersOfKilledHost(t *testing.T) {
	base := t.TempDir()
	folders := func() (names []string) {
		names, err := filepath.Glob(filepath.Join(base, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	killed, _ := startHost(t, "RUNTIME_DIRECTORY="+base)
	dead := folders()
	living, _ := startHost(t, "RUNTIME_DIRECTORY="+base)
	if n := len(folders()); len(dead) != 2 || n != 4 {
		t.Fatalf("%d folders of a host, %d of two", len(dead), n)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // until then it may hold its locks
	if n := len(folders()); n != 4 {
		t.Fatalf("%d folders are left behind of two hosts, one of them killed", n)
	}
	t.Setenv("RUNTIME_DIRECTORY", base)
	opened(t, instance(t, true, sdk.RoleInput, "ticks", nil, nil))
	now := folders()
	if len(now) != 3 || slices.Contains(now, dead[0]) || slices.Contains(now, dead[1]) {
		t.Errorf("%v are there, %v should not be", now, dead)
	}
	if err := living.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error(err)
	}
}

// stopped reports whether all threads of a process stand still.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			return false
		}
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(threads) > 0
}

// alive reports whether a process group has a member that is not a zombie.
func alive(group int) bool {
	list, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, entry := range list {
		text, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" {
			return true
		}
	}
	return false
}
