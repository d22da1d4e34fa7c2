//go:build !linux

package listener

import "net"

// truncated is the flag of a datagram that was longer than the buffer to receive it: 0, where it is not
// known.
const truncated = 0

// losses follows how many datagrams the kernel dropped, where it says so.
type losses struct{}

func countLosses(*net.UDPConn) *losses { return nil }

func (l *losses) since([]byte) uint32 { return 0 }
