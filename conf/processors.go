package conf

import (
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// Processors makes the processors at the top of files and folders, in the order in which an agent has
// them. Of inputs, outputs and [agent] it takes nothing, so that files with rules alone will do, and no
// secret of an output need be there. Otherwise it is as [Load].
func Processors(registry sdk.Registry, paths []string) ([]pipeline.Processor, error) {
	b := &builder{registry: registry, claims: make(claims)}
	b.read(paths)
	var list []pipeline.Processor
	for _, d := range b.documents {
		b.root(d)
		for _, in := range d.instances() {
			if in.role == sdk.RoleProcessor {
				list = append(list, b.processor(in))
			}
		}
	}
	if err := b.faults(); err != nil {
		return nil, err
	}
	return list, nil
}
