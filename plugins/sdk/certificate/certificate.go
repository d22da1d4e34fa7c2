// Package certificate is what a server shows who it is with, read anew when its file has changed, so that a
// renewal needs no restart: of the agent's own server, and of plugins that listen.
package certificate

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// File is a certificate in a file, with its key in another. It is safe for concurrent use.
type File struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	at     time.Time // when the file had changed last
}

// New returns the certificate in the files cert and key, in PEM. It reads nothing yet.
func New(cert, key string, log *slog.Logger) *File { return &File{cert: cert, key: key, log: log} }

// Get returns the certificate, for [tls.Config.GetCertificate]. While renewed files do not fit together the old
// one serves, and the log says so; an error is that there has not been any.
func (f *File) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.cert)
	if err == nil && f.loaded != nil && info.ModTime().Equal(f.at) {
		return f.loaded, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(f.cert, f.key)
	}
	switch {
	case err == nil:
		f.loaded, f.at = &pair, info.ModTime()
	case f.loaded == nil:
		return nil, fmt.Errorf("read the server's certificate: %w", err)
	default:
		f.log.Warn("the new certificate cannot be read; the old one goes on", "err", err)
	}
	return f.loaded, nil
}
