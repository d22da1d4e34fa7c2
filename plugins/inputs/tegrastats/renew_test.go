package tegrastats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// held counts the open files of this process below a folder.
func held(t *testing.T, root string) (n int) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not list the open files of a process")
	}
	for _, f := range files {
		if path, err := os.Readlink(filepath.Join("/proc/self/fd", f.Name())); err == nil && strings.HasPrefix(path, root+"/") {
			n++
		}
	}
	return n
}

// TestOpenFiles holds that no file stays open behind what has been closed, whatever stands in the tree.
func TestOpenFiles(t *testing.T) {
	f := func(files map[string]string, want int) {
		t.Helper()
		root := plant(t, files)
		y := openSysfs(root)
		for range 5 {
			y.renew(y.looked.Add(lookAgain))
		}
		if n := held(t, root); n != want {
			t.Errorf("%d files are open, want %d", n, want)
		}
		if err := y.close(); err != nil {
			t.Error(err)
		}
		if n := held(t, root); n != 0 {
			t.Errorf("%d files are open after the end", n)
		}
	}
	f(orin(), 17)
	f(tx2(), 10)
	f(thor(), 5)
	f(map[string]string{}, 0)
}

// TestReprobe holds that a device which the kernel takes away and finds again is read on, under whatever name.
func TestReprobe(t *testing.T) {
	const gone, back = "sys/class/hwmon/hwmon3", "sys/class/hwmon/hwmon12"
	f := func(name string, power func(t *testing.T, in *Input) string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			in := &Input{config: testConfig()}
			in.config.Mode, in.config.Root = modeSysfs, plant(t, orin())
			if err := in.Open(t.Context(), sdktest.Env(t, sdk.NewCatalog(sdk.Limits{}))); err != nil {
				t.Fatal(err)
			}
			is := func(want string) {
				t.Helper()
				if got := power(t, in); got != want {
					t.Errorf("%s: power_watts is %s, want %s", name, got, want)
				}
			}
			is("3.2")
			root := in.config.Root
			if err := os.Rename(filepath.Join(root, gone), filepath.Join(root, back)); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(root, back, "curr1_input"), filepath.Join(root, back, "old")); err != nil {
				t.Fatal(err)
			}
			write(t, root, back+"/curr1_input", "320\n")
			time.Sleep(lookAgain)
			is("6.4")
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	watts := func(b *sdk.Batch) string {
		for m := range b.Samples() {
			if v, ok := m.Lookup("power_watts"); ok && m.Name() == "gpu" {
				return v.String()
			}
		}
		return "absent"
	}
	f("sysfs", func(t *testing.T, in *Input) string {
		b := newBatch()
		if _, err := in.Read(t.Context(), b); err != nil {
			t.Error(err)
		}
		return watts(b)
	})
	f("tegrastats", func(_ *testing.T, in *Input) string {
		b := newBatch()
		follower := newFollower(in, "")
		follower.line([]byte("GR3D_FREQ 5%@300"), time.Now(), 1)
		in.report(b, (<-follower.packets.C).sheet)
		return watts(b)
	})
}
