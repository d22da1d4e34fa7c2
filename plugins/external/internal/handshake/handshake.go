// Package handshake is what both ends of go-plugin must agree on.
package handshake

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
)

// The cookie tells a program that gpuline has started it. It is no secret.
const (
	CookieKey   = "GPULINE_PLUGIN"
	CookieValue = "5c0a8f3e-9a1b-4a6e-8f1d-6c9a4be0f7d2"
)

// Config is the handshake of go-plugin.
var Config = plugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}

// name is that of the one service in go-plugin's set.
const name = "gpuline"

// Plugins returns go-plugin's sets of plugins, by version of the protocol. A host needs no server.
func Plugins(server proto.PluginServer) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{wire.Version: {name: &end{server: server}}}
}

// Dispense returns the client of a connection that go-plugin has made.
func Dispense(c plugin.ClientProtocol) (proto.PluginClient, error) {
	raw, err := c.Dispense(name)
	if err != nil {
		return nil, err
	}
	return raw.(proto.PluginClient), nil
}

// end is either end of the service.
type end struct {
	plugin.NetRPCUnsupportedPlugin
	server proto.PluginServer
}

func (e *end) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	proto.RegisterPluginServer(s, e.server)
	return nil
}

func (e *end) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return proto.NewPluginClient(c), nil
}

// Windows and buffers of a connection: so large that a batch does not wait for the receiver's leave.
const (
	window = 1 << 20
	buffer = 128 << 10
)

// NewServer is the factory of gRPC servers for go-plugin.
func NewServer(options []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options,
		grpc.MaxRecvMsgSize(wire.MaxMessage), grpc.MaxSendMsgSize(wire.MaxMessage),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(2*window),
		grpc.WriteBufferSize(buffer), grpc.ReadBufferSize(buffer),
	)...)
}

// DialOptions are those of a host's connection.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(wire.MaxMessage), grpc.MaxCallSendMsgSize(wire.MaxMessage)),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(2 * window),
		grpc.WithWriteBufferSize(buffer), grpc.WithReadBufferSize(buffer),
	}
}
