package isolate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/sdk/record"
)

// hostile makes the first child one that writes what the test says in place of messages; later ones are
// real. It stays until it is killed or its standard input ends.
func (r *rig) hostile(output []byte) {
	var once sync.Once
	r.env.Launch = func(args ...string) (c *sdk.Child, err error) {
		once.Do(func() { c = puppet(output) })
		if c != nil {
			return c, nil
		}
		return r.launch(args...)
	}
}

func puppet(output []byte) *sdk.Child {
	inR, inW, _ := os.Pipe()
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	ctx, end := context.WithCancel(context.Background())
	exited := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, inR)
		end()
	}()
	go func() {
		defer close(exited)
		_, _ = io.Copy(outW, bytes.NewReader(output))
		<-ctx.Done()
		for _, f := range []*os.File{inR, outW, errW} {
			_ = f.Close()
		}
	}()
	return &sdk.Child{
		PID: 1, Stdin: inW, Stdout: outR, Stderr: errR, Exited: exited,
		Kill: func() error { end(); return nil },
		Err:  func() error { return nil },
	}
}

func message(kind byte, body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{kind}, uint32(len(body))), body...)
}

var (
	hello  = message(1, 1, 0)
	opened = message(2)
	empty  = append(make([]byte, 1+4+2), record.Append(nil, sdk.NewBatch(sdk.NewCatalog(sdk.Limits{})))...)
)

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestHostileOutputAtWork holds that a child whose output makes no sense is replaced.
func TestHostileOutputAtWork(t *testing.T) {
	f := func(name string, output []byte, want string) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &probeConfig{Play: []string{":count"}})
			r.hostile(join(hello, opened, output))
			r.open()
			wantError(t, r.readError(), want)
			var row int64
			r.wantCounts(&row, 3)
		})
	}
	broken := bytes.Clone(empty)
	broken[len(broken)-1] ^= 1
	short := empty[:len(empty)-3]
	f("text", []byte("NVML: something happened\n"), `is no message: "NVML: something happened\n"`)
	f("kind 0", message(0), "is no message")
	f("kind 7", message(7), "is no message")
	f("giant rows", binary.LittleEndian.AppendUint32([]byte{3}, 1<<32-1), "is no message")
	f("giant beat", binary.LittleEndian.AppendUint32([]byte{5}, 1<<20), "is no message")
	f("rows without a head", message(3, 1, 2), "without a head")
	f("rows of a class", message(3, join([]byte{2}, empty[1:])...), "without a head")
	f("long error", message(3, 1, 0, 0, 0, 0, 255, 255, 'x'), "an error of 65535")
	f("long mark", message(3, 0, 255, 255, 255, 255, 0, 0, 'x'), "a mark of 4294967295 bytes")
	f("broken frame", message(3, broken...), "checksum")
	f("short frame", message(3, short...), "cut short")
	f("two frames", message(3, join(empty, empty[7:])...), "behind the rows")
	f("hello again", hello, "out of turn")
	f("opened again", opened, "opened twice")
	f("short beat", message(5, 1), "a beat of 1 bytes")
	f("end without a class", message(6), "without a class")
	f("end of its own", message(6, 1, 'x'), "x; the child process is replaced")
	f("figures", message(4, 0, 1, 200), "figures that cannot be")
	f("figure that is not there", message(4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), "figures that cannot be")
	f("figure of another", message(4, 0, 1, 1, 'x', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "figures that cannot be")
}

func TestHostileOutputAtOpen(t *testing.T) {
	f := func(name string, output []byte, permanent bool, want string) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, &probeConfig{})
			r.hostile(output)
			err := r.Open(t.Context(), r.env)
			wantError(t, err, want)
			if errors.Is(err, sdk.ErrPermanent) != permanent {
				t.Errorf("permanent: %v", !permanent)
			}
		})
	}
	f("text", []byte("usage: gpuline\n"), false, `is no message: "usage: gpuline\n"`)
	f("another version", message(1, 2, 0), true, "speaks version 2 of the protocol and the agent version 1")
	f("long hello", message(1, 1, 0, 0), false, "a greeting of 3 bytes")
	f("no hello", opened, false, "out of turn")
	f("rows first", message(3, empty...), false, "out of turn")
}

// TestSilentOutputAtOpen has a child that says nothing at all.
func TestSilentOutputAtOpen(t *testing.T) {
	r := newRig(t, &probeConfig{})
	r.env.Timeout = 50 * time.Millisecond
	r.hostile(hello)
	wantError(t, r.Open(deadline(t, r.env.Timeout), r.env), "did not open")
}

// TestGiantAnnouncementTakesNoMemory announces the longest message there may be, and sends nothing of it.
func TestGiantAnnouncementTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := newRig(t, &probeConfig{Play: []string{":count"}}).hasty()
	r.hostile(join(hello, opened, binary.LittleEndian.AppendUint32([]byte{3}, 64<<20)))
	r.open()
	wantError(t, r.readError(), "has not returned")
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
	var row int64
	r.wantCounts(&row, 3)
}

// TestPrintingChildHarmsNothing has libraries print to standard output and standard error.
func TestPrintingChildHarmsNothing(t *testing.T) {
	r := newRig(t, &probeConfig{
		Open: ":print hello from a library;:complain so do I",
		Play: []string{":print between rows;:count"},
	}).open()
	var row int64
	if errs := r.wantCounts(&row, 50); len(errs) > 0 {
		t.Error(errs)
	}
	r.wantLog("printed something", "hello from a library", "so do I", "between rows")
}
