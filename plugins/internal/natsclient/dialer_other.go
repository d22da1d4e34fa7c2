//go:build !linux

package natsclient

import "net"

// dialer makes connections. A write that the far end does not take is for the client to give up.
func dialer() *net.Dialer { return &net.Dialer{Timeout: dialTimeout} }
