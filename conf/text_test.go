package conf

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsNoFile: whatever stands where a file should, the answer comes, and says what to do.
func TestWhatIsNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	silence := piecePatience
	piecePatience = 100 * time.Millisecond
	defer func() { piecePatience = silence }()
	for _, name := range []string{"unused", "silent"} {
		if err := syscall.Mkfifo(name+".toml", 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := os.OpenFile("silent.toml", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	l, err := net.Listen("unix", "socket.toml")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.MkdirAll("conf.d", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", "conf.d/folder.toml"); err != nil {
		t.Fatal(err)
	}
	f := func(path, problem string) {
		t.Helper()
		if _, err := Load(fakes(), []string{path}); err == nil || !strings.HasSuffix(err.Error(), ": cannot be read: "+problem) {
			t.Errorf("-c %s: %v, want %q", path, err, problem)
		}
		if path == "conf.d" {
			return
		}
		_, err := Parse(fakes(), "a.toml", []byte("[[inputs.meter]]\ntoken = \"${file:"+path+"}\""+ends))
		want := "a.toml:2: `token` in [[inputs.meter]]: file " + path + " cannot be read: " + problem
		if err == nil || err.Error() != want {
			t.Errorf("${file:%s}: %v, want %q", path, err, want)
		}
	}
	f("unused.toml", "it is a pipe that nobody writes to: start first what writes to it, or name a file")
	f("silent.toml", "it is a pipe, and nothing came out of it for 100ms: name a file, or close the end that is written to")
	f("socket.toml", "it is a socket: name a file")
	f("/dev/zero", "it is a device: name a file")
	f("conf.d", "it is a folder: name a file")
	if _, err := Parse(fakes(), "a.toml", []byte("[[inputs.meter]]\ntoken = \"${file:/dev/null}\""+ends)); err != nil {
		t.Error(err)
	}
}

// TestPipe: a shell's <(…), and a pipe to which somebody begins to write only after it was named.
func TestPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "late.toml")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	patience := writerPatience
	writerPatience = 30 * time.Second
	defer func() { writerPatience = patience }()
	written := make(chan error, 1)
	go func() {
		w, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			for piece := range strings.SplitAfterSeq(ends, "\n") {
				if _, err = w.WriteString(piece); err != nil {
					break
				}
			}
			err = w.Close()
		}
		written <- err
	}()
	plan, err := Load(fakes(), []string{name})
	if err != nil || len(plan.Inputs) != 1 || len(plan.Outputs) != 1 {
		t.Errorf("%v, %+v", err, plan)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}
