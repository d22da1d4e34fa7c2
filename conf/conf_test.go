package conf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// The plugins of these tests have a bit of everything.

type meterConfig struct {
	Devices []string      `toml:"devices" doc:"Which GPUs." `
	Mode    string        `toml:"mode" doc:"How to read." default:"stream" enum:"stream|query|xml"`
	GPUs    int           `toml:"gpus" doc:"How many." default:"8" min:"1" max:"64"`
	Timeout time.Duration `toml:"timeout" doc:"A read that lasts longer is given up." default:"30s"`
	Token   sdk.Secret    `toml:"token" doc:"A password."`
}

func (c *meterConfig) Validate() error {
	if c.GPUs == 13 {
		return errors.Join(
			sdk.Fault{Path: []string{"gpus"}, Problem: "brings bad luck", Remedy: "take 12"},
			errors.New("no more can be said"),
		)
	}
	if c.Mode == "xml" && !c.Token.Empty() {
		return fmt.Errorf("token %s of no use", c.Token.Reveal())
	}
	return nil
}

type meter struct{ config *meterConfig }

func (m meter) Gather(context.Context, *sdk.Batch) error { return nil }

type peakConfig struct {
	Period time.Duration      `toml:"period" doc:"Length of a window." default:"10s" min:"1ms"`
	Above  map[string]float64 `toml:"above" doc:"Levels."`
	Rules  []struct {
		Name string        `toml:"name" doc:"Name." required:"true"`
		For  time.Duration `toml:"for" doc:"How long."`
	} `toml:"rules" doc:"Rules."`
}

type peak struct{ config *peakConfig }

func (p peak) Process(context.Context, *sdk.Batch) error { return nil }

type storeConfig struct {
	URL    string            `toml:"url" doc:"Where to write." required:"true"`
	Format string            `toml:"format" doc:"What to write." default:"influx" enum:"influx|json"`
	Header map[string]string `toml:"header" doc:"HTTP headers."`
}

type store struct{ config *storeConfig }

func (s store) Write(context.Context, *sdk.Batch) error { return nil }

type noConfig struct{}

func fakes() sdk.Registry {
	nop := func(*noConfig) (sdk.Processor, error) { return peak{}, nil }
	meters := sdk.DefineInput("meter", "Reads.", "[[inputs.meter]]\n", func(c *meterConfig) (any, error) {
		if c.GPUs == 14 {
			return nil, sdk.Fault{Path: []string{"gpus"}, Problem: "is refused"}
		}
		return meter{c}, nil
	})
	meters.Common = map[string]any{"timeout": "30s"}
	page := sdk.DefineOutput("page", "Shows.", "[[outputs.page]]\n", func(*noConfig) (sdk.Output, error) { return store{}, nil })
	page.Common = map[string]any{"samples": true, "required": false, "batch_size": 50, "queue": map[string]any{"max_bytes": "1MB"}}
	return sdk.Registry{
		meters,
		sdk.DefineInput("listener", "Listens.", "", func(*noConfig) (any, error) { return meter{}, nil }),
		sdk.DefineProcessor("peak", "Finds peaks.", "", func(c *peakConfig) (sdk.Processor, error) { return peak{c}, nil }),
		sdk.DefineProcessor("average", "Averages.", "", nop),
		sdk.DefineProcessor("threshold", "Tags.", "", nop),
		sdk.DefineOutput("store", "Stores.", "", func(c *storeConfig) (sdk.Output, error) {
			if strings.HasPrefix(c.URL, "ftp:") {
				return nil, fmt.Errorf("url %q: unknown scheme", c.URL)
			}
			return store{c}, nil
		}),
		page,
	}
}
