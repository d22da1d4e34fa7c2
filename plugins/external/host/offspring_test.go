package host

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// hogKey names the variable that says what a process of the test occupies, in MiB: memory of its own, and a file
// that it shares.
const hogKey = "GPULINE_TEST_HOG"

// BeHog makes the test binary such a process where it is started as one, with as many below it as the depth says.
func BeHog() {
	text := os.Getenv(hogKey)
	if text == "" {
		return
	}
	var depth, own, shared int
	var path string
	if _, err := fmt.Sscan(text, &depth, &own, &shared, &path); err != nil {
		panic(err)
	}
	mine := make([]byte, own<<20)
	touch(mine)
	if shared > 0 {
		share(shared, path)
	}
	if depth > 0 {
		c := Hog(depth-1, own, shared, path)
		c.Stdin, c.Stdout = os.Stdin, os.Stdout
		if err := c.Start(); err != nil {
			panic(err)
		}
	}
	fmt.Println("ready")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until whoever has started it ends
	runtime.KeepAlive(mine)
	os.Exit(0)
}

func share(size int, path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	all, err := syscall.Mmap(int(f.Fd()), 0, size<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	touch(all)
}

// touch has the kernel give all pages of b.
func touch(b []byte) {
	for i := 0; i < len(b); i += 512 {
		b[i] = byte(i>>9) | 1
	}
}

// Hog returns a command that starts such a process.
func Hog(depth, own, shared int, path string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Env = []string{fmt.Sprintf("%s=%d %d %d %s", hogKey, depth, own, shared, path)}
	return c
}

// TestOccupied: what a plugin's children occupy, and theirs, is the plugin's; what they all share counts once.
func TestOccupied(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	const shared, size = 64, 1 << 20
	path := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(path, make([]byte, shared<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Hog(2, 40, shared, path)
	setGroup(c)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = killGroup(c.Process.Pid)
		_ = c.Wait()
	})
	lines := bufio.NewScanner(out)
	for range 3 {
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("a process said %q", lines.Text())
		}
	}
	pid := c.Process.Pid
	p, ok := weigh(pid)
	if !ok || p.group != pid {
		t.Fatalf("%+v %v", p, ok)
	}
	if others, _ := offspring(pid); len(others) != 2 {
		t.Errorf("it has started %v", others)
	}
	const own = 3 * 40
	whole, below, above := occupied(pid, p.resident, 0), occupied(pid, p.resident, 10_000*size), occupied(pid, p.resident, 100*size)
	if whole < (own+3*shared)*size || below < (own+3*shared)*size {
		t.Errorf("they occupy %.0f, below a limit %.0f", whole, below)
	}
	if above < (own+shared)*size || above > whole-2*shared*size {
		t.Errorf("above a limit they occupy %.0f of %.0f", above, whole)
	}
}

// BenchmarkOccupied looks at a process without children.
func BenchmarkOccupied(b *testing.B) {
	pid := os.Getpid()
	for b.Loop() {
		occupied(pid, 1, 0)
	}
}
