package conf

import (
	"cmp"
	"fmt"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// namingProcessor does what the key naming of outputs asks for.
const namingProcessor = "naming"

// naming returns the processor that the output's key naming stands for. It is the last of the output's
// own, so that all others see our names.
func (b *builder) naming(in *instance, keys outputKeys) []pipeline.Processor {
	if keys.Naming == "" {
		return nil
	}
	at := in.place()
	def := b.registry.Find(sdk.RoleProcessor, namingProcessor)
	if def == nil {
		problem := fmt.Sprintf("needs the processor %s, which this binary does not have", namingProcessor)
		at.report(nil, sdk.Fault{Path: []string{"naming"}, Problem: problem})
		return nil
	}
	table := map[string]any{"vocabulary": keys.Naming}
	if faults := sdk.Configure(def.NewConfig(), table); len(faults) > 0 {
		at.report(nil, sdk.Fault{Path: []string{"naming"}, Problem: faults[0].Error()})
		return nil
	}
	p := pipeline.Plugin{Name: namingProcessor, Where: in.doc.where(in.path), Fingerprint: fingerprint(table)}
	p.New = func() (any, error) {
		config := def.NewConfig()
		if faults := sdk.Configure(config, table); len(faults) > 0 {
			return nil, faults[0]
		}
		return def.New(config)
	}
	own := keys.pluginKeys
	own.Alias, own.Filter = cmp.Or(own.Alias, in.name), filterKeys{}
	return []pipeline.Processor{{Plugin: b.common(p, own)}}
}
