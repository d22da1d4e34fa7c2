package pipeline

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificate reads the server's certificate, and reads it anew when its file has changed, so that a
// renewal needs no restart. While the new files do not fit together the old certificate serves.
type certificate struct {
	files TLS

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
	if err == nil {
		c.loaded, c.at = &pair, info.ModTime()
	}
	if c.loaded == nil {
		return nil, fmt.Errorf("read the server's certificate: %w", err)
	}
	return c.loaded, nil
}
