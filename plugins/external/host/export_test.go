package host

import (
	"context"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/gpuline/gpuline/plugins/external/internal/handshake"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Memory returns the definitions of a host whose plugins are served by s over a connection in memory.
func Memory(s proto.PluginServer) []sdk.Definition {
	defs := Definitions()
	for i := range defs {
		d := &defs[i]
		d.New = func(config any) (any, error) {
			c := config.(common).common()
			launch := inMemory(s)
			p, err := launch(context.Background(), slog.New(slog.DiscardHandler))
			if err != nil {
				return nil, err
			}
			found := ask(context.Background(), p.client, c)
			p.end(0)
			if len(found.faults) > 0 {
				return nil, found.faults[0]
			}
			l := newLife(c, found.plugin, launch)
			switch config := config.(type) {
			case *ProcessorConfig:
				return l.processor(config), nil
			case *OutputConfig:
				return &output{life: l, deadLetter: config.DeadLetter}, nil
			}
			if found.traits.GetReads() {
				return &reader{life: l}, nil
			}
			return &gatherer{life: l}, nil
		}
		fresh := d.NewConfig
		d.NewConfig = func() any {
			c := fresh()
			c.(common).common().programs = nil
			return c
		}
	}
	return defs
}

func inMemory(service proto.PluginServer) launcher {
	return func(context.Context, *slog.Logger) (*peer, error) {
		l := bufconn.Listen(1 << 20)
		server := handshake.NewServer(nil)
		proto.RegisterPluginServer(server, service)
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(l)
		}()
		dial := func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }
		c, err := grpc.NewClient("passthrough:memory", append(handshake.DialOptions(),
			grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			return nil, err
		}
		return &peer{client: proto.NewPluginClient(c), end: func(time.Duration) {
			_ = c.Close()
			server.Stop()
			<-served
		}}, nil
	}
}

// Hasten makes an instance restart soon, and look often.
func Hasten(instance any) {
	t := timing{
		first: 20 * time.Millisecond, longest: 50 * time.Millisecond, healthy: time.Minute,
		crashes: 1000, within: time.Minute, probe: time.Second,
		ping: 50 * time.Millisecond, look: 20 * time.Millisecond, settling: 2 * time.Second,
	}
	lifeOf(instance).timing = t
}

// Breaks sets how many crashes open the circuit of an instance.
func Breaks(instance any, crashes int) { lifeOf(instance).timing.crashes = crashes }

func lifeOf(instance any) *life {
	switch i := instance.(type) {
	case *gatherer:
		return i.life
	case *reader:
		return i.life
	case *late:
		return i.life
	case gate:
		return i.life
	case *processor:
		return i.life
	case *output:
		return i.life
	}
	panic("no external plugin")
}

// PID returns the process of an instance, or 0 while there is none.
func PID(instance any) int {
	s, _, _ := lifeOf(instance).now()
	if s == nil {
		return 0
	}
	return s.peer.pid
}

// Verify is verify.
var Verify = verify

// RemoveDead is removeDead.
var RemoveDead = removeDead

// NewFolder makes a folder for a socket, as an agent that lives has one.
func NewFolder(base string) (path string, remove func(), err error) {
	f, err := newFolderIn(base)
	if err != nil {
		return "", nil, err
	}
	return f.path, f.remove, nil
}
