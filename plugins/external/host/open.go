package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Info is what a program says of itself.
type Info struct {
	Path         string
	Version      string
	Capabilities []string
	Plugins      []sdk.Definition // without New and NewConfig
	Schemas      [][]sdk.Option   // of each
}

// Inspect starts the program that is configured, asks what it offers, and ends it.
func Inspect(ctx context.Context, c *Config) (*Info, error) {
	p, err := c.program().launch(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer p.end(c.StopTimeout)
	d, err := p.client.Describe(ctx, &proto.DescribeRequest{Capabilities: wire.Capabilities})
	if err != nil {
		return nil, fmt.Errorf("the plugin does not describe itself: %w", err)
	}
	info := &Info{Path: c.Path, Version: d.GetVersion(), Capabilities: d.GetCapabilities()}
	for _, def := range d.GetPlugins() {
		role, ok := wire.ToRole(def.GetRole())
		if !ok {
			return nil, fmt.Errorf("plugin %q is of the unknown role %d", def.GetName(), def.GetRole())
		}
		options, err := wire.ToOptions(def.GetOptions())
		if err != nil {
			return nil, fmt.Errorf("plugin %q: %w", def.GetName(), err)
		}
		info.Plugins = append(info.Plugins, sdk.Definition{
			Role: role, Name: def.GetName(), Summary: def.GetSummary(), Sample: def.GetSample(),
		})
		info.Schemas = append(info.Schemas, options)
	}
	return info, nil
}

// Lifeline starts the program and closes its standard input, as the death of the agent does. It returns how
// long the process takes to end, or an error when that is longer than patience.
func Lifeline(ctx context.Context, c *Config, patience time.Duration) (time.Duration, error) {
	p, err := c.program().launch(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, err
	}
	began := time.Now()
	p.end(patience)
	took := time.Since(began)
	if took > patience {
		return took, errors.New("the process does not end when its standard input does: once the agent is killed, nothing else would end it")
	}
	return took, nil
}

// Checked returns what is wrong with a table for a plugin of the program, as a loader would find it.
func Checked(c *Config, role sdk.Role) ([]sdk.Fault, error) {
	with := *c
	with.role = role
	found := inspect(context.Background(), &with)
	return found.faults, found.err
}

// About tells of an instance that a definition of this package has made: its program, and the plugin's name
// in it, where that is known.
func About(instance any) (c *Config, plugin string, ok bool) {
	l, ok := instance.(interface{ about() (*Config, string) })
	if !ok {
		return nil, "", false
	}
	c, plugin = l.about()
	return c, plugin, true
}

func (l *life) about() (*Config, string) { return l.config, l.plugin }
