package nvml

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		err := c.Validate()
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	f(Config{GPMInterval: time.Second}, "")
	f(Config{}, "")
	f(Config{GPMInterval: 50 * time.Millisecond}, "100ms")
	f(Config{Devices: []string{"0", "!"}}, "names no GPU")
	f(Config{Devices: []string{""}}, "names no GPU")
	f(Config{NormalInterval: -1}, "negative")
}

func TestTiers(t *testing.T) {
	f := func(c Config, interval time.Duration, want tiers) {
		t.Helper()
		if diff := cmp.Diff(want, c.tiers(interval), cmp.AllowUnexported(tiers{})); diff != "" {
			t.Errorf("%+v at %v (-want +got):\n%s", c, interval, diff)
		}
	}
	const ms = time.Millisecond
	usual := Config{SlowInterval: 30 * time.Second, GPMInterval: time.Second}
	f(usual, 100*ms, tiers{fast: 100 * ms, normal: time.Second, slow: 30 * time.Second, gpm: time.Second})
	f(usual, 0, tiers{fast: time.Second, normal: time.Second, slow: 30 * time.Second, gpm: time.Second})
	f(usual, time.Minute, tiers{fast: time.Minute, normal: time.Minute, slow: time.Minute, gpm: time.Minute})
	f(Config{NormalInterval: 200 * ms, SlowInterval: time.Second, IdleInterval: 5 * time.Second}, 10*ms,
		tiers{fast: 10 * ms, normal: 200 * ms, slow: time.Second, idle: 5 * time.Second})
}

func TestProgramOf(t *testing.T) {
	root := t.TempDir()
	write := func(pid, file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, pid, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1", "cmdline", "/usr/bin/trtllm-serve\x00--model\x00x")
	write("2", "cmdline", "")
	write("2", "comm", "kworker\n")
	write("3", "cmdline", "\xff\x00")
	f := func(pid, want string) {
		t.Helper()
		if got := programOf(root, pid); got != want {
			t.Errorf("process %s is %q, want %q", pid, got, want)
		}
	}
	f("1", "/usr/bin/trtllm-serve")
	f("2", "kworker")
	f("3", "�")
	f("4", "")
}
