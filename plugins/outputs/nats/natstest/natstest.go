// Package natstest runs NATS servers in the process of a test or of a demo: one, or a cluster of three, each of which can be
// stopped and started again with what it had stored.
package natstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience bounds how long a server may take to start, and a cluster to elect a leader.
const patience = 20 * time.Second

// TB is the part of testing.TB that is used here, so that a demo may do without a test.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
	TempDir() string
	Context() context.Context
}

// Server is a server that can be stopped and started again at the same address.
type Server struct {
	t       TB
	options *server.Options
	running *server.Server
}

// New returns a server that is not started, at an address that is free. It keeps JetStream's data for the length
// of the test. change, which may be nil, changes its options.
func New(t TB, change func(*server.Options)) *Server {
	t.Helper()
	o := &server.Options{
		ServerName: "nats",
		Host:       "127.0.0.1",
		Port:       FreePort(t),
		JetStream:  true,
		StoreDir:   filepath.Join(t.TempDir(), "jetstream"),
		NoSigs:     true,
		NoLog:      true,

		JetStreamMaxMemory: 256 << 20,
		JetStreamMaxStore:  1 << 30,

		LameDuckDuration:    time.Second,
		LameDuckGracePeriod: 100 * time.Millisecond,
	}
	if change != nil {
		change(o)
	}
	s := &Server{t: t, options: o}
	t.Cleanup(s.Stop)
	return s
}

// Run returns a server that is started.
func Run(t TB, change func(*server.Options)) *Server {
	t.Helper()
	s := New(t, change)
	s.Start()
	return s
}

// Cluster returns n servers that are started, with JetStream replicated among them.
func Cluster(t TB, n int) []*Server {
	t.Helper()
	var routes []string
	ports := make([]int, n)
	for i := range ports {
		ports[i] = FreePort(t)
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
	}
	var all []*Server
	for i := range n {
		all = append(all, New(t, func(o *server.Options) {
			o.ServerName = fmt.Sprintf("nats-%d", i)
			o.Cluster = server.ClusterOpts{Name: "gpuline", Host: "127.0.0.1", Port: ports[i]}
			o.Routes = server.RoutesFromStr(strings.Join(routes, ","))
		}))
	}
	for _, s := range all {
		s.start(false)
	}
	for _, s := range all {
		s.wait()
	}
	s := all[0]
	Eventually(t, patience, "a leader of the cluster", func() bool {
		js, err := jetstream.New(s.Client())
		if err != nil {
			return false
		}
		_, err = js.AccountInfo(t.Context())
		return err == nil
	})
	return all
}

// Start starts the server, and waits until it takes clients.
func (s *Server) Start() {
	s.t.Helper()
	s.start(true)
}

func (s *Server) start(wait bool) {
	s.t.Helper()
	options := s.options.Clone()
	running, err := server.NewServer(options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running = running
	running.Start()
	if wait {
		s.wait()
	}
}

func (s *Server) wait() {
	s.t.Helper()
	if !s.running.ReadyForConnections(patience) {
		s.t.Fatalf("%s does not start", s.options.ServerName)
	}
}

// Stop ends the server, without a word to its clients.
func (s *Server) Stop() {
	if s.running == nil {
		return
	}
	s.running.Shutdown()
	s.running.WaitForShutdown()
	s.running = nil
}

// Retire ends the server in order: it hands on what it leads, and asks its clients to go elsewhere.
func (s *Server) Retire() {
	s.running.LameDuckShutdown()
	s.Stop()
}

// Name returns the server's name.
func (s *Server) Name() string { return s.options.ServerName }

// Options returns what the server is started with.
func (s *Server) Options() *server.Options { return s.options }

// URL returns where the server is, or will be.
func (s *Server) URL() string { return fmt.Sprintf("nats://127.0.0.1:%d", s.options.Port) }

// Client returns a client of the server, which ends with the test.
func (s *Server) Client(options ...nats.Option) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.URL(), append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond)}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// JetStream returns a client's JetStream API.
func (s *Server) JetStream(options ...nats.Option) jetstream.JetStream {
	s.t.Helper()
	js, err := jetstream.New(s.Client(options...))
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

// FreePort returns a port of the loopback interface that nobody listened at a moment ago. It lies below those that
// the system gives to clients: one that connects again and again to a server which is stopped would take its port.
func FreePort(t TB) int {
	t.Helper()
	for range 100 {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 10_000 + rand.IntN(20_000)})
		if err != nil {
			continue
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// Eventually calls done until it says so, and fails the test after the given time.
func Eventually(t TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v", what, within)
		}
	}
}

// EnableJetStream lets an account use JetStream.
func (s *Server) EnableJetStream(account string) {
	s.t.Helper()
	a, err := s.running.LookupAccount(account)
	if err == nil {
		err = a.EnableJetStream(nil, nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
