package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	maxDatagram   = 64 << 10 // a longer one cannot come over UDP, and is cut by a Unix socket
	receiveBuffer = 4 << 20  // that the kernel is asked for; it gives what net.core.rmem_max allows
)

func (l *Listener) openUDP(ctx context.Context) error {
	if l.config.UDP == "" {
		return nil
	}
	var config net.ListenConfig
	opened, err := config.ListenPacket(ctx, "udp", l.config.UDP)
	if err != nil {
		return fmt.Errorf("listen for datagrams: %w", err)
	}
	conn := opened.(*net.UDPConn)
	_ = conn.SetReadBuffer(receiveBuffer)
	losses := countLosses(conn)
	l.sockets = append(l.sockets, socket{address: conn.LocalAddr(), close: conn.Close, run: func() {
		l.receive(losses, func(p, oob []byte) (n, oobn, flags int, err error) {
			n, oobn, flags, _, err = conn.ReadMsgUDPAddrPort(p, oob)
			return n, oobn, flags, err
		})
	}})
	return nil
}

func (l *Listener) openUnixDatagram(ctx context.Context) error {
	path := l.config.UnixDatagram
	if path == "" {
		return nil
	}
	if err := clearSocket(ctx, "unixgram", path); err != nil {
		return err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		return fmt.Errorf("listen for datagrams: %w", err)
	}
	if err := l.protect(path); err != nil {
		return errors.Join(err, conn.Close())
	}
	_ = conn.SetReadBuffer(receiveBuffer)
	l.sockets = append(l.sockets, socket{
		address: conn.LocalAddr(),
		close:   func() error { return errors.Join(conn.Close(), removeSocket(path)) },
		run: func() {
			l.receive(nil, func(p, oob []byte) (n, oobn, flags int, err error) {
				n, oobn, flags, _, err = conn.ReadMsgUnix(p, oob)
				return n, oobn, flags, err
			})
		},
	})
	return nil
}

// receive puts datagrams into the inbox until their socket is closed. Nothing makes it wait: where there
// is no room it drops, and counts.
func (l *Listener) receive(losses *losses, read func(p, oob []byte) (n, oobn, flags int, err error)) {
	buf, oob := make([]byte, maxDatagram), make([]byte, 64)
	like := &request{precision: l.precision}
	for {
		n, oobn, flags, err := read(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Error("cannot receive datagrams; it will be tried again", "err", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-l.closing:
			}
			continue
		}
		l.figures.datagrams.Add(1)
		l.figures.bytes.Add(float64(n))
		l.figures.lost.Add(float64(losses.since(oob[:oobn])))
		switch {
		case flags&truncated != 0:
			l.log.Warn("datagram is too large, and was dropped", "bytes", maxDatagram)
			l.inbox.drop(dropTooLarge, lines(buf[:n]))
		case n > 0:
			l.inbox.putDatagram(buf[:n], l.unixNow(), like)
		}
	}
}
