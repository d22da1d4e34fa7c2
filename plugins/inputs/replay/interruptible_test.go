package replay

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

func TestStandardInput(t *testing.T) {
	from, to := io.Pipe()
	r := open(t, Config{Files: []string{"-"}})
	r.stdin = &interruptible{from: &unpacked{raw: from}}
	b := sdk.NewBatch(r.catalog)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Read(ctx, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a read that blocks: %v", err)
	}
	go func() { // joined by the reads below: a pipe's Write ends when all is read
		for _, part := range []string{"m f=1 1\nm f", "=2 2\n"} {
			_, _ = io.WriteString(to, part) // fails when the test has failed
		}
		_ = to.Close()
	}()
	lines, _ := r.all(t)
	check(t, lines, []string{"m f=1 1", "m f=2 2"})
}

func TestStandardInputClosedWhileItBlocks(t *testing.T) {
	from, to := io.Pipe()
	p := &interruptible{from: from}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var buf [4]byte
	if _, err := p.read(ctx, buf[:]); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	p.close()
	if _, err := io.WriteString(to, "12345678"); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for {
		n, err := p.read(t.Context(), buf[:])
		got = append(got, buf[:n]...)
		if err != nil {
			check(t, err.Error(), "EOF")
			break
		}
	}
	check(t, string(got), "12345678")
	p.close()
}
