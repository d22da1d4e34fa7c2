package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/gpuline/gpuline/plugins/sdk/sdktest"
)

// holding returns what streams have of the memory, and what is lent in all.
func (m *memory) holding() (streams, all int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held, m.lent
}

// Streams with long lines have an eighth of the memory at most: a line that finds no room costs itself alone, and
// what a line has taken is given back behind it.
func TestLongLinesOfManyStreams(t *testing.T) {
	path, sink := socketPath(t, "s"), &sdktest.Sink{}
	a := start(t, settings(t, func(c *Config) { c.HTTP, c.Unix, c.Buffer, c.MaxBody = "", path, 16<<20, 1<<20 }), sink)
	long := "m,host=x s=\"" + strings.Repeat("x", 700<<10)
	const streams = 8
	var conns []net.Conn
	for i := range streams {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
		if _, err := io.WriteString(conn, long); err != nil {
			t.Fatal(err)
		}
		want := float64((i + 1) * len(long))
		eventually(t, "all that was sent", func() bool { return a.figures.bytes.Get() == want })
	}
	held, all := a.memory.holding()
	if held < 1<<20 || held > 2<<20+streams*leastBuffer || all != held {
		t.Errorf("streams hold %d bytes, %d are lent", held, all)
	}
	for i, conn := range conns {
		if _, err := fmt.Fprintf(conn, "\" %d\nm,host=y n=%d %d\n", i, i, i); err != nil {
			t.Fatal(err)
		}
	}
	taken := func() (whole, short int) {
		for _, line := range sink.Lines() {
			if strings.HasPrefix(line, "m,host=x") {
				whole++
			} else {
				short++
			}
		}
		return whole, short
	}
	eventually(t, "the line behind each", func() bool { _, short := taken(); return short == streams })
	eventually(t, "memory that was given back", func() bool { held, _ := a.memory.holding(); return held <= streams*smallBuffer })
	for _, conn := range conns {
		_ = conn.Close()
	}
	eventually(t, "all memory", func() bool { held, all := a.memory.holding(); return held == 0 && all == 0 })
	whole, short := taken()
	if whole < 1 || whole > 3 {
		t.Errorf("%d long lines of %d", whole, streams)
	}
	check(t, a.stop().String(), fmt.Sprintf("ledger read=%d made=0 absorbed=0 delivered=%d dropped=%d queued=0 balance=ok",
		2*streams, whole+short, streams-whole))
}

// Where there is no memory for another stream its connection is closed, and counted.
func TestMoreStreamsThanMemory(t *testing.T) {
	path := socketPath(t, "s")
	a := start(t, settings(t, func(c *Config) { c.HTTP, c.Unix, c.Buffer, c.MaxBody = "", path, 256<<10, 1<<10 }), &sdktest.Sink{})
	const most = 256 << 10 / 4 / leastBuffer
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	var first net.Conn
	for i := range most {
		conn := dial()
		if i == 0 {
			first = conn
		}
		eventually(t, "a stream", func() bool { held, _ := a.memory.holding(); return held == int64(i+1)*leastBuffer })
	}
	one := make([]byte, 1)
	if _, err := dial().Read(one); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("one more: %v", err)
	}
	check(t, a.figures.refused.Get(), 1.0)
	_ = first.Close()
	eventually(t, "room", func() bool { held, _ := a.memory.holding(); return held == (most-1)*leastBuffer })
	dial()
	eventually(t, "another", func() bool { held, _ := a.memory.holding(); return held == most*leastBuffer })
}
