package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gpuline/gpuline/plugins/external/host"
)

// TestDeadFolders: which folders are removed as those of agents that have died.
func TestDeadFolders(t *testing.T) {
	base := t.TempDir()
	elsewhere := t.TempDir()
	write := func(path string) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := func(name string, mode os.FileMode) string {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Join(path, "plugin-dir1"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(filepath.Join(path, "plugin-dir1", "plugin2"))
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(to, at string) {
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	f := func(path string, stays bool) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			host.RemoveDead(base)
			if _, err := os.Lstat(path); (err == nil) != stays {
				t.Errorf("%v; stays: %v", err, stays)
			}
		})
	}
	dead := folder("gpuline-dead", 0o700)
	write(filepath.Join(dead, "lock"))
	link(elsewhere, filepath.Join(dead, "link"))
	write(filepath.Join(elsewhere, "lock"))

	unready := folder("gpuline-unready", 0o700)
	open := folder("gpuline-open", 0o755)
	write(filepath.Join(open, "lock"))
	other := folder("other-dead", 0o700)
	write(filepath.Join(other, "lock"))
	linked := folder("gpuline-linked", 0o700)
	link(filepath.Join(elsewhere, "lock"), filepath.Join(linked, "lock"))
	to := filepath.Join(base, "gpuline-link")
	link(elsewhere, to)
	living, remove, err := host.NewFolder(base)
	if err != nil {
		t.Fatal(err)
	}
	f(living, true)
	f(dead, false)
	f(filepath.Join(elsewhere, "lock"), true)
	f(unready, true)
	f(open, true)
	f(other, true)
	f(linked, true)
	f(to, true)
	if os.Geteuid() == 0 {
		foreign := folder("gpuline-foreign", 0o700)
		write(filepath.Join(foreign, "lock"))
		if err := os.Chown(foreign, 4711, 4711); err != nil {
			t.Fatal(err)
		}
		f(foreign, true)
	}
	remove()
	f(living, false)
}
