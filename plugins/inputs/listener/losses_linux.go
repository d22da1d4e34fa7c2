package listener

import (
	"encoding/binary"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// truncated is the flag of a datagram that was longer than the buffer to receive it.
const truncated = syscall.MSG_TRUNC

// losses follows how many datagrams the kernel dropped because its receive buffer was full: it says so
// with each datagram that it hands out, as a sum that starts from 0 again after 2³²−1.
type losses struct{ last uint32 }

// countLosses asks the kernel to say. It returns nil, which counts nothing, where that cannot be had.
func countLosses(conn *net.UDPConn) *losses {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
	})
	if err != nil || failed != nil {
		return nil
	}
	return new(losses)
}

// since returns how many were lost since the last call, by the control data of a datagram.
func (l *losses) since(control []byte) uint32 {
	if l == nil || len(control) < unix.CmsgLen(4) {
		return 0
	}
	header, data, _, err := unix.ParseOneSocketControlMessage(control)
	if err != nil || header.Level != unix.SOL_SOCKET || header.Type != unix.SO_RXQ_OVFL || len(data) < 4 {
		return 0
	}
	now := binary.NativeEndian.Uint32(data)
	n := now - l.last
	l.last = now
	return n
}
