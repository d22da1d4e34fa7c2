package natsclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/gpuline/gpuline/plugins/internal/tlsclient"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Conn is a connection that is made in the background and comes back by itself, for as long as it takes. It
// buffers nothing while there is none: what cannot be sent stays in the plugin's queue. One goroutine uses it.
type Conn struct {
	config  Config
	options []nats.Option
	log     *slog.Logger
	nc      atomic.Pointer[nats.Conn]
	end     context.CancelFunc // of what nc dials
	here    *presence
	lost    atomic.Pointer[time.Time] // when the first round through all servers had failed
	last    atomic.Pointer[error]     // why the last try to connect failed
	reached atomic.Int32              // servers that took a connection in this round
	gauge   *sdk.Number
	again   *sdk.Number

	refusals *refusals // of this connection
	doubtful bool      // see Doubt
}

const (
	dialTimeout  = 2 * time.Second
	pingInterval = 10 * time.Second // a peer that is silent for two of them is gone
	stallTimeout = 5 * time.Second  // and so is one that takes no byte

	// The messages of a batch go out in as few writes.
	writeBuffer = 512 << 10

	// A server that knows the agent and refuses it is asked after so long at least.
	refusedAfter = 10 * time.Second
)

// Dial reads the files that the configuration names and starts to connect. name is shown by the server. A
// server that is not there is no error, and is waited for no longer than ctx lasts.
func Dial(ctx context.Context, c *Config, env *sdk.Env, name string) (*Conn, error) {
	k := &Conn{
		config:   *c,
		log:      env.Log,
		here:     newPresence(),
		refusals: newRefusals(),

		gauge: env.Meter.Gauge("gpuline_nats_connected", "", "1 while there is a connection to a NATS server."),
		again: env.Meter.Counter("gpuline_nats_reconnects_total", "Connections that were lost and made again."),
	}
	if err := k.prepare(name); err != nil {
		return nil, err
	}
	return k, k.connect(ctx)
}

func (k *Conn) connect(ctx context.Context) error {
	k.here.set(away)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var settled atomic.Bool
	dial := hurried(ctx, life, &settled)
	count := dialFunc(func(network, address string) (net.Conn, error) {
		c, err := dial(network, address)
		if err == nil {
			k.reached.Add(1)
		}
		return c, err
	})
	nc, err := nats.Connect(k.config.servers(), append(k.options, nats.SetCustomDialer(count))...)
	settled.Store(true)
	if err != nil {
		end()
		k.here.set(over)
		return fmt.Errorf("connect to %s: %w", k.config.servers(), err)
	}
	k.end = end
	k.nc.Store(nc)
	return nil
}

func (k *Conn) prepare(name string) error {
	c := &k.config
	k.options = []nats.Option{
		nats.Name(name),
		nats.Timeout(dialTimeout),
		nats.SkipHostLookup(), // the dialer does it
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1),
		nats.WriteBufferSize(writeBuffer),
		nats.CustomReconnectDelay(k.pause),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(k.connected),
		nats.ReconnectHandler(func(nc *nats.Conn) { k.again.Add(1); k.connected(nc) }),
		nats.ReconnectErrHandler(k.absence),
		nats.DisconnectErrHandler(k.disconnected),
		nats.ClosedHandler(func(*nats.Conn) { k.here.set(over) }),
		nats.ErrorHandler(k.failed),
		nats.NoCallbacksAfterClientClose(),
	}
	add := func(o nats.Option) { k.options = append(k.options, o) }
	if c.InboxPrefix != "" {
		add(nats.CustomInboxPrefix(c.InboxPrefix))
	}
	if c.TLS != (tlsclient.Config{}) {
		t, err := c.TLS.Load()
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		add(nats.Secure(t))
	}
	if c.TLSFirst {
		add(nats.TLSHandshakeFirst())
	}
	return k.identify(add)
}

// identify adds who connects. Files are looked at now, so that a wrong path shows at once, and read for each
// connection.
func (k *Conn) identify(add func(nats.Option)) error {
	c := &k.config
	for _, path := range []string{c.NKey, c.Creds} {
		if path == "" {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("connect: read who the agent is: %w", err)
		}
		if err := file.Close(); err != nil {
			return fmt.Errorf("connect: read who the agent is: %w", err)
		}
	}
	switch {
	case c.User != "":
		add(nats.UserInfo(c.User, c.Password.Reveal()))
	case !c.Token.Empty():
		add(nats.Token(c.Token.Reveal()))
	case c.NKey != "":
		key, err := publicKey(c.NKey)
		if err != nil {
			return fmt.Errorf("connect: nkey %s: %w", c.NKey, err)
		}
		add(nats.Nkey(key, func(nonce []byte) ([]byte, error) { return sign(c.NKey, nonce) }))
	case c.Creds != "":
		add(nats.UserCredentials(c.Creds))
	}
	return nil
}

// pause returns how long to rest between two rounds through all servers. A server that takes a connection and lets
// it fail may have too much to do: a round is paid for by as many pauses as it made connections.
func (k *Conn) pause(round int) time.Duration {
	now := time.Now()
	if round == 1 {
		k.lost.Store(&now)
	}
	// What a server says that was reached, or what is wrong with its certificate, the client tells in no other way.
	if nc := k.nc.Load(); nc != nil && nc.LastError() != nil {
		k.absence(nc, nc.LastError())
	}
	k.renew()
	if last := k.last.Load(); last != nil && refused(*last) {
		return refusedAfter + rand.N(refusedAfter)
	}
	return Pause(now.Sub(*k.lost.Load())) * time.Duration(max(k.reached.Swap(0), 1))
}

// refused reports whether a server is there and does not want the agent.
func refused(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired)
}

func (k *Conn) connected(nc *nats.Conn) {
	if !nc.IsConnected() { // any more
		return
	}
	k.last.Store(nil)
	k.refusals.forget()
	k.gauge.Set(1)
	k.here.set(here)
	k.log.Info("connected", "server", nc.ConnectedUrlRedacted())
}

func (k *Conn) absence(_ *nats.Conn, err error) {
	if err = tlsclient.Explain(err); errors.Is(err, nats.ErrSecureConnWanted) {
		err = fmt.Errorf("%w: the server speaks no TLS: remove `tls`, and write nats:// in the URL", err)
	}
	k.last.Store(&err)
	k.log.Warn("cannot connect; it will be tried again", "err", err, "server", k.config.servers())
}

func (k *Conn) disconnected(_ *nats.Conn, err error) {
	k.gauge.Set(0)
	k.here.set(away)
	if err != nil {
		k.log.Warn("connection lost; it will be made again", "err", err)
	}
}

func (k *Conn) failed(_ *nats.Conn, sub *nats.Subscription, err error) {
	k.refusals.note(err)
	if sub != nil {
		k.log.Warn("server or client reports an error", "err", err, "subject", sub.Subject)
		return
	}
	k.log.Warn("server or client reports an error", "err", err)
}

// Ready waits for a connection until ctx ends, and returns it. The result is another one than before only
// where the client had given the last one up.
func (k *Conn) Ready(ctx context.Context) (*nats.Conn, error) {
	if state, _ := k.here.get(); state == here && k.doubtful {
		k.prove(ctx)
	}
	for {
		state, changed := k.here.get()
		switch state {
		case here:
			return k.nc.Load(), nil
		case over:
			k.end()
			if err := k.connect(ctx); err != nil {
				return nil, err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, k.absent(ctx.Err())
		}
	}
}

func (k *Conn) absent(err error) error {
	if last := k.last.Load(); last != nil {
		err = *last
	}
	return fmt.Errorf("no connection to %s: %w", k.config.servers(), err)
}

// JetStream returns the JetStream API over nc.
func (k *Conn) JetStream(nc *nats.Conn, options ...jetstream.JetStreamOpt) (jetstream.JetStream, error) {
	if k.config.Domain != "" {
		return jetstream.NewWithDomain(nc, k.config.Domain, options...)
	}
	return jetstream.New(nc, options...)
}

// Flush waits until the server has what was sent, or for so long.
func (k *Conn) Flush(within time.Duration) {
	if k.Connected() {
		_ = k.nc.Load().FlushTimeout(within) // who calls has no use for an error: the connection is about to end
	}
}

// Close ends the connection.
func (k *Conn) Close() {
	k.end()
	k.nc.Load().Close()
	k.here.set(over)
	k.gauge.Set(0)
}

// Connected reports whether there is a connection now.
func (k *Conn) Connected() bool {
	state, _ := k.here.get()
	return state == here
}
