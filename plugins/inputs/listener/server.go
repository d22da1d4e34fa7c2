package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// server is the HTTP API.
type server struct {
	http http.Server

	mu      sync.Mutex
	closed  bool
	serving sync.WaitGroup // handlers
}

// begin takes a handler into account that end ends, or reports false where the server is closed.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.serving.Add(1)
	}
	return !s.closed
}

func (s *server) end() { s.serving.Done() }

// close cuts off what connections there are, and waits for the handlers.
func (s *server) close() error {
	err := s.http.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.serving.Wait()
	return err
}

const (
	headerTimeout = 10 * time.Second // for a handshake, and for a header
	idleTimeout   = 2 * time.Minute  // of a connection between two requests
	answerTimeout = 10 * time.Second // that a client takes to read an answer
	maxHeader     = 16 << 10
)

func (l *Listener) openHTTP(ctx context.Context) error {
	if l.config.HTTP == "" {
		return nil
	}
	var security *tls.Config
	if l.config.TLS.Enabled() {
		var err error
		if security, err = l.config.TLS.Load(l.log); err != nil {
			return err
		}
	}
	inner, err := l.listen(ctx, l.config.HTTP)
	if err != nil {
		return err
	}
	address := inner.Addr()
	var outer net.Listener = &bounded{Listener: inner, listener: l}
	if security != nil {
		outer = tls.NewListener(outer, security)
	}
	s := &server{}
	s.http = http.Server{
		Handler:           http.HandlerFunc(l.serve),
		ReadHeaderTimeout: min(headerTimeout, l.config.ReadTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(l.log.Handler(), slog.LevelDebug),
	}
	l.http = s
	l.sockets = append(l.sockets, socket{
		address: address,
		run: func() {
			if err := s.http.Serve(outer); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				l.log.Error("HTTP server ended", "err", err)
			}
		},
		close: func() error {
			err := s.close()
			if closed := inner.Close(); !errors.Is(closed, net.ErrClosed) {
				err = errors.Join(err, closed) // it was never served
			}
			return err
		},
	})
	return nil
}

// listen opens a TCP socket, or a Unix socket for unix:// and its path.
func (l *Listener) listen(ctx context.Context, address string) (net.Listener, error) {
	if path, local := unixPath(address); local {
		return l.listenUnix(ctx, path)
	}
	var config net.ListenConfig
	s, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	return s, nil
}

// shutdown takes no more connections, and waits for up to limit until all requests are answered.
func (s *server) shutdown(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = s.http.Shutdown(ctx) // whoever is late is cut off by Close
}

// bounded accepts as many connections as there may be. Further ones are closed at once: a client learns
// that something is wrong, where one that waits in the backlog does not.
type bounded struct {
	net.Listener
	listener *Listener
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if b.listener.enter() {
			return &counted{Conn: conn, leave: sync.OnceFunc(b.listener.leave)}, nil
		}
		_ = conn.Close()
	}
}

// enter takes a connection into account, or reports false where there are too many.
func (l *Listener) enter() bool {
	select {
	case l.slots <- struct{}{}:
		l.figures.connections.Add(1)
		return true
	default:
		l.figures.refused.Add(1)
		l.log.Warn("connection closed: there are as many as there may be", "max_connections", l.config.MaxConnections)
		return false
	}
}

func (l *Listener) leave() {
	l.figures.connections.Add(-1)
	<-l.slots
}

type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
