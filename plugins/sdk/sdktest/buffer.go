package sdktest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// Buffer keeps what is written to it, such as a log, for a test to look at meanwhile. It is safe for concurrent use;
// its zero value is empty and ready.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the text.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns the text so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Log returns a logger that writes to the buffer, all levels and no times.
func (b *Buffer) Log() *slog.Logger { return slog.New(slog.NewTextHandler(b, timeless)) }

// awaitPatience is how long Await waits: a machine may stand still for a while.
const awaitPatience = 20 * time.Second

// Await returns the first line that contains part, once it has been written. It ends the test where none is for
// twenty seconds.
func (b *Buffer) Await(t testing.TB, part string) string {
	t.Helper()
	for deadline := time.Now().Add(awaitPatience); ; time.Sleep(time.Millisecond) {
		for line := range strings.Lines(b.String()) {
			if strings.Contains(line, part) {
				return line
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody has said %q:\n%s", part, b)
		}
	}
}
