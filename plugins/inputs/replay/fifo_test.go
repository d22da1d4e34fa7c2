package replay

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// TestPipeWithoutAWriter: the input is there for its context, and reads what comes later.
func TestPipeWithoutAWriter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, Config{Files: []string{name}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Read(ctx, sdk.NewBatch(r.catalog)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a read that blocks: %v", err)
	}
	go func() {
		w, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		for _, part := range []string{"m f=1 1\nm f", "=2 2\n"} {
			if _, err := w.WriteString(part); err != nil {
				t.Error(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	lines, _ := r.all(t)
	check(t, lines, []string{"m f=1 1", "m f=2 2"})
}

// TestPipeClosedWhileItWaits: what the writer holds open does not hold up the end.
func TestPipeClosedWhileItWaits(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f := &fifo{name: name}
	if _, err := w.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	var buf [4]byte
	if n, err := f.Read(buf[:]); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	ended := make(chan error, 1)
	go func() { _, err := f.Read(buf[:]); ended <- err }()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the read goes on")
	}
}
