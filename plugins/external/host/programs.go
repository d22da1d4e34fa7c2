package host

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// programs asks programs what they offer, and remembers the answers while their files stay the same.
type programs struct {
	mu    sync.Mutex
	known map[string]*inspection
}

// inspection is what a program says of a configuration.
type inspection struct {
	err         error // the program could not be asked
	description *proto.Description
	plugin      string
	faults      []sdk.Fault
	traits      *proto.Traits
	at          time.Time
}

// askAgain is how long a program that could not be asked is left alone: the loader asks several times.
const askAgain = 2 * time.Second

// maxKnown bounds what is remembered.
const maxKnown = 64

// inspect starts the program, asks what it offers and what it says of the configuration, and ends it.
// Where it could not be asked, it is asked again after a while.
func (p *programs) inspect(ctx context.Context, c *Config) *inspection {
	key := fingerprint(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if found := p.known[key]; found != nil && (found.err == nil || time.Since(found.at) < askAgain) {
		return found
	}
	found := inspect(ctx, c)
	found.at = time.Now()
	if p.known == nil || len(p.known) >= maxKnown {
		p.known = make(map[string]*inspection)
	}
	p.known[key] = found
	return found
}

func fingerprint(c *Config) string {
	text, _ := json.Marshal([]any{c.role, c.Path, c.SHA256, c.Plugin, c.Args, c.Env, c.InheritEnv, c.MTLS, map[string]any(c.Config)})
	return identity(c.Path) + string(text)
}

func inspect(ctx context.Context, c *Config) *inspection {
	ctx, cancel := context.WithTimeout(ctx, 2*c.StartTimeout)
	defer cancel()
	peer, err := c.program().launch(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return &inspection{err: err}
	}
	defer peer.end(c.StopTimeout)
	return ask(ctx, peer.client, c)
}

// ask asks a plugin that is running.
func ask(ctx context.Context, client proto.PluginClient, c *Config) *inspection {
	d, err := client.Describe(ctx, &proto.DescribeRequest{Capabilities: wire.Capabilities})
	if err != nil {
		return &inspection{err: fmt.Errorf("the plugin does not describe itself: %w", err)}
	}
	found := &inspection{description: d}
	def, err := choose(d, c)
	if err != nil {
		found.faults = []sdk.Fault{{Path: []string{"plugin"}, Problem: err.Error()}}
		return found
	}
	found.plugin = def.GetName()
	options, err := wire.ToOptions(def.GetOptions())
	if err != nil {
		found.err = permanent("the plugin is faulty: %w", err)
		return found
	}
	for _, fault := range sdk.Check(options, c.Config) {
		fault.Path = append([]string{"config"}, fault.Path...)
		found.faults = append(found.faults, fault)
	}
	if len(found.faults) > 0 {
		return found
	}
	config, err := wire.FromConfig(c.Config)
	if err != nil {
		found.err = permanent("%w", err)
		return found
	}
	reply, err := client.Check(ctx, &proto.CheckRequest{Role: wire.Role(c.role), Plugin: found.plugin, Config: config})
	if err != nil {
		found.err = fmt.Errorf("the plugin does not check its configuration: %w", err)
		return found
	}
	found.faults, found.traits = wire.ToFaults("config", reply.GetFaults()), reply.GetTraits()
	return found
}

// choose returns the plugin that the configuration names, or the only one of its kind.
func choose(d *proto.Description, c *Config) (*proto.Definition, error) {
	var names []string
	var only *proto.Definition
	for _, def := range d.GetPlugins() {
		if role, ok := wire.ToRole(def.GetRole()); !ok || role != c.role {
			continue
		}
		if def.GetName() == c.Plugin {
			return def, nil
		}
		names = append(names, def.GetName())
		only = def
	}
	kind := strings.TrimSuffix(c.role.String(), "s")
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("the program has no %s", kind)
	case c.Plugin != "":
		if near := sdk.Nearest(c.Plugin, names); near != "" {
			return nil, fmt.Errorf("the program has no %s %q: did you mean `%s`?", kind, c.Plugin, near)
		}
		return nil, fmt.Errorf("the program has no %s %q, it has %s", kind, c.Plugin, strings.Join(names, ", "))
	case len(names) > 1:
		return nil, fmt.Errorf("the program has several: name one of %s", strings.Join(names, ", "))
	}
	return only, nil
}
