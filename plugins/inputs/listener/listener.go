// Package listener is the input that others send line protocol to: over HTTP, as InfluxDB clients and
// Telegraf do, in datagrams over UDP and Unix sockets, and in streams over Unix sockets.
//
// What arrives waits, undecoded, in an inbox of bounded size. Read takes it from there, several requests
// to a batch, and decodes it on the engine's goroutine. An HTTP request is answered when every required
// output has its lines; a datagram for which there is no room is dropped and counted.
package listener

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/lineprotocol"
	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Definition makes the input known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineInput("listener", "Line protocol that others send: HTTP as InfluxDB has it, Unix sockets, UDP", sample,
		func(c *Config) (any, error) { return New(c) })
}

// Listener is the input. It is an [sdk.Reader].
type Listener struct {
	config    Config
	precision lineprotocol.Precision // of what names none

	log     *slog.Logger
	now     func() time.Time
	figures figures
	decoder *lineprotocol.Decoder
	inbox   *inbox
	memory  *memory
	slots   chan struct{} // one for each connection

	at *request // that Read is in the middle of

	http    *server // nil without
	sockets []socket
	serving sync.WaitGroup // all goroutines
	closing chan struct{}  // closed when nobody is waited for any longer
}

// socket is one that is open, with what works on it until it is closed.
type socket struct {
	address net.Addr
	run     func()
	close   func() error
}

type figures struct {
	requests    func(status int) *sdk.Number
	badLines    *sdk.Number
	bytes       *sdk.Number
	datagrams   *sdk.Number
	lost        *sdk.Number
	connections *sdk.Number
	refused     *sdk.Number
}

// New returns an input of the configuration c.
func New(c *Config) (*Listener, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	precision, err := lineprotocol.ParsePrecision(c.Precision)
	if err != nil {
		return nil, sdk.Fault{Path: []string{"precision"}, Problem: err.Error()}
	}
	return &Listener{config: *c, precision: precision}, nil
}

// Open opens the sockets. One that cannot be opened closes the others.
func (l *Listener) Open(ctx context.Context, env *sdk.Env) error {
	l.log, l.now = env.Log, env.Now
	l.figures = newFigures(env.Meter)
	l.decoder = lineprotocol.NewDecoder(env.Catalog, lineprotocol.DecoderOptions{
		Precision: l.precision,
		Coerce:    vocabulary.Coerce,
		Counters:  l.config.Counters,
	})
	l.memory = newMemory(int64(l.config.Buffer))
	l.inbox = newInbox(l.memory)
	l.slots = make(chan struct{}, l.config.MaxConnections)
	l.closing = make(chan struct{})
	l.at, l.http, l.sockets = nil, nil, nil
	for _, open := range []func(context.Context) error{l.openHTTP, l.openUDP, l.openUnixDatagram, l.openUnix} {
		if err := open(ctx); err != nil {
			for _, s := range l.sockets {
				err = errors.Join(err, s.close())
			}
			return err
		}
	}
	if l.config.open() && !isLoopback(l.config.HTTP) {
		l.log.Warn("anybody who reaches the address may write: set `token`, `user` and `password`, or `tls.client_ca`", "http", l.config.HTTP)
	}
	for _, s := range l.sockets {
		l.log.Info("listening", "network", s.address.Network(), "address", s.address.String())
		l.serving.Go(s.run)
	}
	return nil
}

func newFigures(m *sdk.Meter) figures {
	return figures{
		requests: func(status int) *sdk.Number {
			return m.Counter("gpuline_listener_requests_total", "HTTP requests, by the status of the answer.",
				sdk.Tag{Key: "status", Value: strconv.Itoa(status)})
		},
		badLines:    m.Counter("gpuline_listener_bad_lines_total", "Lines that could not be decoded; an HTTP client was told which."),
		bytes:       m.Counter("gpuline_listener_bytes_total", "Bytes received, decompressed."),
		datagrams:   m.Counter("gpuline_listener_datagrams_total", "Datagrams received."),
		lost:        m.Counter("gpuline_listener_lost_datagrams_total", "Datagrams that the operating system dropped before the agent saw them."),
		connections: m.Gauge("gpuline_listener_connections", "", "Connections that are open."),
		refused:     m.Counter("gpuline_listener_refused_connections_total", "Connections closed at once because there were as many as there may be."),
	}
}

// farewell is how long Close waits for requests whose lines are still on their way to the outputs. It is
// well within the half of the default grace that inputs have.
const farewell = 1500 * time.Millisecond

// lastWord is how long the other clients have to read the answer, which asks them to send it again.
const lastWord = 200 * time.Millisecond

// Close lets requests that are being delivered end, answers the others, and closes the sockets.
func (l *Listener) Close() error {
	if left := l.inbox.close(); left > 0 {
		l.log.Warn("datagrams were received and not read", "lines", left)
	}
	var errs []error
	if l.http != nil {
		l.http.shutdown(farewell)
	}
	close(l.closing)
	if l.http != nil {
		l.http.shutdown(lastWord)
	}
	for _, s := range l.sockets {
		errs = append(errs, s.close())
	}
	l.serving.Wait()
	return errors.Join(errs...)
}

var errEnding = errors.New("the agent ends: send it again")

func isLoopback(address string) bool {
	if _, local := unixPath(address); local || address == "" {
		return true
	}
	host, _, _ := net.SplitHostPort(address)
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
