package natsclient

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// dialer makes connections that end when the far end takes nothing for stallTimeout: neither the network, where it
// has gone without a word, nor a server that hangs. Without it a write may wait for a minute and longer. However
// slow a link is, it takes something.
func dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			// A kernel that does not know it has the connection wait for longer, and that is all.
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stallTimeout.Milliseconds()))
		})
	}}
}
