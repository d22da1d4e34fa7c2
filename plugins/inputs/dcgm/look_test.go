package dcgm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLook(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue\n"
	f := func(tcp, unix, want string) {
		t.Helper()
		proc := t.TempDir()
		if err := os.MkdirAll(filepath.Join(proc, "net"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"tcp": head, "tcp6": head + tcp, "unix": "Num RefCount Protocol Flags Type St Inode Path\n" + unix} {
			if err := os.WriteFile(filepath.Join(proc, "net", name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		found, err := look(proc)
		got := strings.TrimSuffix(found.Mode+" "+found.What+" "+found.Other, " ")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const (
		engine      = "   0: 0100007F:15B3 00000000:0000 0A 00000000:00000000\n"
		established = "   0: 0100007F:15B3 0100007F:1234 01 00000000:00000000\n"
		exporter    = "   1: 00000000000000000000000000000000:24B8 00000000000000000000000000000000:0000 0A 0\n"
		socket      = "0000: 00000002 00000000 00010000 0001 01 1234 /run/nvidia/nv-hostengine.sock\n"
	)
	t.Setenv("PATH", "/nowhere")
	f("", "", "nothing listens on the ports 5555 and 9400, and there is no dcgmi in PATH")
	f(established, "", "nothing listens")
	f(exporter, "", "exporter dcgm-exporter on port 9400")
	f(engine+exporter, "", "exporter ") // there is no library
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dcgmi"), nil, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	f(engine, "", "dmon "+dir+"/dcgmi")
	if !withCgo {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, libraryName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LD_LIBRARY_PATH", dir)
	f(engine+exporter, "", "hostengine nv-hostengine on port 5555")
	f(exporter, socket, `hostengine nv-hostengine at /run/nvidia/nv-hostengine.sock address = "unix:///run/nvidia/nv-hostengine.sock"`)
	f(exporter, "", "exporter ")
}
