package author

import (
	"strings"

	"github.com/gpuline/gpuline/plugins/external/internal/wire"
	"github.com/gpuline/gpuline/plugins/external/proto"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// figures remembers what the host knows of a meter.
type figures struct{ told map[string]float64 }

// changed returns the figures of the meter that are not what the host knows.
func (f *figures) changed(m *sdk.Meter) []*proto.Figure {
	var list []*proto.Figure
	for t := range m.Totals() {
		p := &proto.Figure{
			Name: wire.Clean(t.Name), Help: wire.Clean(t.Help), Unit: wire.Clean(string(t.Unit)),
			Kind: proto.Kind(t.Kind), Value: t.Value,
		}
		for _, tag := range t.Tags {
			p.Tags = append(p.Tags, wire.Clean(tag.Key), wire.Clean(tag.Value))
		}
		key := p.Name + "\x00" + strings.Join(p.Tags, "\x00")
		if old, known := f.told[key]; known && old == t.Value {
			continue
		}
		if f.told == nil {
			f.told = make(map[string]float64)
		}
		f.told[key] = t.Value
		list = append(list, p)
	}
	return list
}
