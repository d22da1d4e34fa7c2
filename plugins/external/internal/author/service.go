// Package author is the plugin's end of the protocol: a gRPC service that runs plugins of package sdk as the
// engine would, each instance in a stream of its own.
package author

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Service offers the plugins of a registry.
type Service struct {
	proto.UnimplementedPluginServer

	Version  string
	Registry sdk.Registry
	Log      func(level slog.Level) *slog.Logger // called once for each instance

	running sync.WaitGroup // instances
}

// Wait waits until all instances have ended. No stream may be opened meanwhile.
func (s *Service) Wait() { s.running.Wait() }

// Validate reports mistakes in the definitions: it is for the author to see.
func (s *Service) Validate() error {
	if len(s.Registry) == 0 {
		return errors.New("the program serves no plugin")
	}
	var errs []error
	seen := make(map[string]bool)
	for i := range s.Registry {
		def := &s.Registry[i]
		name := fmt.Sprintf("%s.%s", def.Role, def.Name)
		if seen[name] {
			errs = append(errs, fmt.Errorf("%s is defined twice", name))
		}
		seen[name] = true
		if _, err := sdk.Options(def.NewConfig()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Describe tells what the registry holds.
func (s *Service) Describe(context.Context, *proto.DescribeRequest) (*proto.Description, error) {
	d := &proto.Description{Version: wire.Clean(s.Version), Capabilities: wire.Capabilities}
	for i := range s.Registry {
		def := &s.Registry[i]
		options, err := sdk.Options(def.NewConfig())
		if err != nil {
			return nil, status.Errorf(codes.Internal, "%s.%s: %v", def.Role, def.Name, err)
		}
		d.Plugins = append(d.Plugins, &proto.Definition{
			Role: wire.Role(def.Role), Name: def.Name, Summary: wire.Clean(def.Summary), Sample: wire.Clean(def.Sample),
			Options: wire.FromOptions(options),
		})
	}
	return d, nil
}

// Check makes an instance, and forgets it.
func (s *Service) Check(_ context.Context, r *proto.CheckRequest) (*proto.CheckReply, error) {
	impl, faults := s.build(r.GetRole(), r.GetPlugin(), r.GetConfig())
	if len(faults) > 0 {
		return &proto.CheckReply{Faults: wire.FromFaults(faults)}, nil
	}
	return &proto.CheckReply{Traits: traitsOf(impl)}, nil
}

// build makes an instance of a plugin, or says what is wrong with its configuration.
func (s *Service) build(role proto.Role, name string, config []byte) (impl any, faults []sdk.Fault) {
	defer func() {
		if v := recover(); v != nil {
			impl, faults = nil, []sdk.Fault{{Problem: fmt.Sprint("the plugin panics over it: ", v)}}
		}
	}()
	of, ok := wire.ToRole(role)
	def := s.Registry.Find(of, name)
	if !ok || def == nil {
		return nil, []sdk.Fault{{Problem: fmt.Sprintf("the program has no plugin %v.%s", of, name)}}
	}
	table, err := wire.ToConfig(config)
	if err != nil {
		return nil, []sdk.Fault{{Problem: err.Error()}}
	}
	c := def.NewConfig()
	if faults := sdk.Configure(c, table); len(faults) > 0 {
		return nil, faults
	}
	impl, err = def.New(c)
	return impl, sdk.Faults(err)
}

func traitsOf(impl any) *proto.Traits {
	t := &proto.Traits{}
	_, t.Reads = impl.(sdk.Reader)
	_, t.Flushes = impl.(sdk.Flusher)
	if f, ok := impl.(sdk.Finite); ok {
		t.Finite = f.Finite()
	}
	return t
}

// Run is the life of an instance.
func (s *Service) Run(stream proto.Plugin_RunServer) error {
	s.running.Add(1)
	defer s.running.Done()
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	order := first.GetOpen()
	if order == nil {
		return status.Error(codes.FailedPrecondition, "the first message is not open")
	}
	i := newInstance(stream, s, order)
	return i.run(order)
}
