//go:build unix

package stdout

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize returns the size of a terminal, and false for what is none.
func terminalSize(f *os.File) (width, height int, ok bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	// Control, and not Fd, which would make the file block.
	err = conn.Control(func(fd uintptr) {
		size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
		if err == nil {
			width, height, ok = int(size.Col), int(size.Row), true
		}
	})
	return width, height, ok && err == nil
}
