package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
)

func (l *Listener) openUnix(ctx context.Context) error {
	if l.config.Unix == "" {
		return nil
	}
	s, err := l.listenUnix(ctx, l.config.Unix)
	if err != nil {
		return err
	}
	l.sockets = append(l.sockets, socket{
		address: s.Addr(),
		close:   s.Close,
		run:     func() { l.accept(&bounded{Listener: s, listener: l}) },
	})
	return nil
}

// listenUnix opens a Unix socket for streams. Its file goes when it is closed.
func (l *Listener) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := clearSocket(ctx, "unix", path); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	s, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on a Unix socket: %w", err)
	}
	if err := l.protect(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// clearSocket removes the file of a socket on which nobody listens: that of an agent which was killed.
func clearSocket(ctx context.Context, network, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil //nolint:nilerr // what is wrong shows when it is opened
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, network, path)
	if err == nil {
		return errors.Join(fmt.Errorf("listen on %s: %w", path, syscall.EADDRINUSE), conn.Close())
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return removeSocket(path)
	}
	return nil
}

func removeSocket(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// protect gives a socket's file its permissions.
func (l *Listener) protect(path string) error {
	mode, err := l.config.socketMode()
	if err != nil {
		return err
	}
	return os.Chmod(path, fs.FileMode(mode))
}

// accept serves connections until the socket is closed, and waits for those that it serves.
func (l *Listener) accept(from net.Listener) {
	for {
		conn, err := from.Accept()
		if err == nil {
			l.serving.Go(func() { l.follow(conn) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		l.log.Error("cannot accept connections; it will be tried again", "err", err)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-l.closing:
		}
	}
}

// follow reads a stream of lines until its end. It reads on when all that came before is decoded, so that
// a sender waits while the queues are full.
func (l *Listener) follow(conn net.Conn) {
	ended := make(chan struct{})
	defer close(ended)
	l.serving.Go(func() {
		select {
		case <-ended:
		case <-l.closing:
		}
		_ = conn.Close()
	})
	if !l.memory.admit() {
		l.figures.refused.Add(1)
		l.log.Warn("connection closed: there is no memory for another stream: see `buffer`")
		return
	}
	r := newRequest(0, l.precision)
	r.stream = &lineprotocol.Stream{
		Room: l.memory.enlarge,
		Report: func(bad lineprotocol.LineError) {
			l.log.Warn("bad line in a stream was left out", "line", bad.Line, "err", bad.Message())
		},
	}
	r.stream.Lend(make([]byte, leastBuffer))
	defer func() { l.memory.enlarge(-len(r.stream.Buffer())) }()
	more := false // the last read has filled the buffer
	read := func(_ context.Context, p []byte) (int, error) {
		n, err := conn.Read(p)
		more = n == len(p)
		l.figures.bytes.Add(float64(n))
		return n, err
	}
	for !r.stream.Ended() {
		if r.stream.Err() == nil {
			r.stream.Fill(context.Background(), read)
		}
		if !l.inbox.put(r) || <-r.answered != nil {
			return
		}
		if size := len(r.stream.Buffer()); size > smallBuffer || more && size < smallBuffer {
			r.stream.Resize(smallBuffer)
		}
	}
}
