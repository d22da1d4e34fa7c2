package pipeline

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate reads the server's certificate, and reads it anew when its file has changed, so that a
// renewal needs no restart. While the new files do not fit together the old certificate serves; without one
// clients are refused. Both are logged.
type certificate struct {
	files TLS
	log   *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	at     time.Time // when the file had changed last
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info, err := os.Stat(c.files.Cert)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.at) {
		return c.loaded, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	}
	switch {
	case err == nil:
		c.loaded, c.at = &pair, info.ModTime()
	case c.loaded != nil:
		c.log.Warn("the new certificate cannot be read; the old one goes on", "err", err)
	default:
		c.log.Error("the certificate cannot be read; clients are refused: see [agent] http_tls", "err", err)
	}
	if c.loaded == nil {
		return nil, fmt.Errorf("read the server's certificate: %w", err)
	}
	return c.loaded, nil
}
