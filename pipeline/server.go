package pipeline

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk/certificate"
	"github.com/gpuline/gpuline/plugins/sdk/clock"
)

// server is the agent's own HTTP server. Plugins mount their handlers on it through sdk.Env.
type server struct {
	address string
	tls     TLS
	auth    Auth
	log     *slog.Logger
	settled func() bool // no plugin is about to mount a page
	changed chan struct{}
	bind    func(ctx context.Context, network, address string) (net.Listener, error)

	mu       sync.RWMutex
	handlers map[string]http.Handler
	owners   map[string]*mounts // of those that plugins mounted
	root     string             // such as "http://127.0.0.1:9445", once it listens
}

func newServer(a *Agent, settled func() bool, log *slog.Logger) *server {
	return &server{
		address:  a.HTTP,
		tls:      a.TLS,
		auth:     a.Auth,
		log:      quieted(log, slog.LevelDebug, "agent.http"),
		settled:  settled,
		changed:  make(chan struct{}, 1),
		bind:     (&net.ListenConfig{}).Listen,
		handlers: make(map[string]http.Handler),
		owners:   make(map[string]*mounts),
	}
}

// run serves until ctx ends. An address that is in use is tried again, and stops nothing else.
func (s *server) run(ctx context.Context) {
	for ctx.Err() == nil {
		current, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.listen(current)
		}()
		select {
		case <-s.changed:
		case <-ctx.Done():
		}
		stop()
		<-done
	}
}

// change takes over another address, certificate or password. Where nothing changes, nobody notices.
func (s *server) change(a *Agent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.address == a.HTTP && s.tls == a.TLS && s.auth.User == a.Auth.User && s.auth.Password.Equal(a.Auth.Password) {
		return
	}
	s.address, s.tls, s.auth = a.HTTP, a.TLS, a.Auth
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// listen serves at one address until ctx ends. A kernel that has no memory for a connection ends a listener that works:
// there is another one then.
func (s *server) listen(ctx context.Context) {
	s.mu.RLock()
	address := s.address
	s.mu.RUnlock()
	var pause backoff
	for {
		began := time.Now()
		l, err := s.bind(ctx, "tcp", address)
		said := "the server ended; it will be started again"
		if err != nil {
			said = "cannot listen; it will be tried again: " + listenRemedy(err)
		} else {
			err = s.serve(ctx, l)
		}
		if ctx.Err() != nil {
			return
		}
		s.log.Error(said, "address", address, "err", err)
		if time.Since(began) > maxPause {
			pause.reset()
		}
		if !clock.Sleep(ctx, pause.next()) {
			return
		}
	}
}

// listenRemedy says what to do about an address that cannot be had.
func listenRemedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "set [agent] http to a port above 1023, or give the agent CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRINUSE):
		return "end what uses the address, or set [agent] http"
	}
	return "set [agent] http to an address of this host, such as 127.0.0.1:9445"
}

// serve serves until ctx ends; an error says that it could not go on.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.mu.Lock()
	root := "http://" + l.Addr().String()
	if s.tls.Cert != "" {
		root = "https://" + l.Addr().String()
		get := s.certificate()
		_, _ = get(nil) // to tell at once that it cannot be read
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: get})
	}
	s.root = root
	s.mu.Unlock()
	s.log.Info("listening", "url", root)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := h.Shutdown(bounded); err != nil {
			_ = h.Close() // a client that does not let go is cut off
		}
	}()
	err := h.Serve(l)
	stop()
	<-stopped
	s.mu.Lock()
	s.root = ""
	s.mu.Unlock()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// certificate returns how the server gets its certificate: without one it refuses its clients, and says so.
func (s *server) certificate() func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	file := certificate.New(s.tls.Cert, s.tls.Key, s.log)
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := file.Get(hello)
		if err != nil {
			s.log.Error("the certificate cannot be read; clients are refused: see [agent] http_tls", "err", err)
		}
		return pair, err
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	settled := s.settled() // before the look at the pages
	s.mu.RLock()
	h, auth := s.handlers[r.URL.Path], s.auth
	s.mu.RUnlock()
	switch {
	case !open[r.URL.Path] && !auth.admits(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="gpuline"`)
		http.Error(w, "user and password, please", http.StatusUnauthorized)
	case h != nil:
		h.ServeHTTP(w, r)
	case r.URL.Path == "/":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "gpuline\n%s\n", strings.Join(s.paths(), "\n"))
	case !settled:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the agent is starting", http.StatusServiceUnavailable)
	default:
		http.NotFound(w, r)
	}
}

// open lists the pages that ask for no password: what runs the agent looks at them.
var open = map[string]bool{healthPath: true, readyPath: true, inputsPath: true}

// admits compares in a time that tells nothing of the password.
func (a *Auth) admits(r *http.Request) bool {
	if a.User == "" {
		return true
	}
	user, password, ok := r.BasicAuth()
	return ok && same(user, a.User) && same(password, a.Password.Reveal())
}

func same(given, want string) bool {
	g, w := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1
}

func (s *server) paths() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.handlers))
}

// urls returns where the plugins' handlers are to be found; nowhere while the server does not listen.
func (s *server) urls() []string {
	s.mu.RLock()
	root := s.root
	s.mu.RUnlock()
	if root == "" {
		return nil
	}
	var urls []string
	for _, path := range s.paths() {
		if !open[path] {
			urls = append(urls, root+path)
		}
	}
	return urls
}

// mounts are one plugin's handlers; they leave when the plugin is closed.
type mounts struct {
	server *server
	plugin string
}

// Handle mounts a handler on a path. A path that another plugin has goes to the later one.
func (m *mounts) Handle(path string, handler http.Handler) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	if owner := m.server.owners[path]; owner != nil && owner.plugin != m.plugin {
		m.server.log.Warn("a page passes to another plugin: give one of them another path", "path", path, "from", owner.plugin, "to", m.plugin)
	}
	m.server.handlers[path], m.server.owners[path] = handler, m
}

func (m *mounts) unmount() {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	for path, owner := range m.server.owners {
		if owner == m {
			delete(m.server.handlers, path)
			delete(m.server.owners, path)
		}
	}
}
