//go:build unix

package stdout

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTerminal(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal to be had: %v", err)
	}
	defer func() { _ = terminal.Close() }()
	f := func(env map[string]string, size unix.Winsize, isTerminal, colour bool, wantWidth, wantHeight int) {
		t.Helper()
		if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &size); err != nil {
			t.Fatal(err)
		}
		s := screenOf(terminal, func(key string) string { return env[key] })
		width, height := s.measure()
		if s.terminal != isTerminal || s.colour != colour || width != wantWidth || height != wantHeight {
			t.Errorf("%v %+v: terminal %v, colour %v, %d×%d", env, size, s.terminal, s.colour, width, height)
		}
	}
	size := unix.Winsize{Col: 132, Row: 43}
	f(nil, size, true, true, 132, 43)
	f(map[string]string{"NO_COLOR": "1", "COLUMNS": "50"}, size, true, false, 132, 43)
	f(map[string]string{"TERM": "dumb"}, size, false, false, 160, 0)
	f(nil, unix.Winsize{}, true, true, 80, 24)
	f(map[string]string{"COLUMNS": "50"}, unix.Winsize{}, true, true, 50, 24)
}
