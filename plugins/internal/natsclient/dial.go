package natsclient

import (
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// dialFunc is a [nats.CustomDialer].
type dialFunc func(network, address string) (net.Conn, error)

// Dial implements [nats.CustomDialer].
func (f dialFunc) Dial(network, address string) (net.Conn, error) { return f(network, address) }

// hurried returns a dialer for the time of life. Until settled is set it does not outlast ctx either, nor does what
// a server has to say at the beginning of a connection.
func hurried(ctx, life context.Context, settled *atomic.Bool) dialFunc {
	return func(network, address string) (net.Conn, error) {
		if !settled.Load() {
			c, err := reach(ctx, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() {
					if !settled.Load() {
						_ = c.Close() // who waits for it is told
					}
				})
				return c, nil
			}
			if !settled.Load() {
				return nil, err
			}
		}
		return reach(life, network, address)
	}
}

// reach connects to one of the addresses that a name stands for, by chance: a fleet does not meet at the first. A
// look for the name is part of the time that there is.
func reach(ctx context.Context, network, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	hosts, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return nil, err
	}
	d := dialer()
	d.Timeout = dialTimeout / time.Duration(len(hosts))
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	var c net.Conn
	for _, host := range hosts {
		if c, err = d.DialContext(ctx, network, net.JoinHostPort(host, port)); err == nil {
			return c, nil
		}
	}
	return nil, err
}
