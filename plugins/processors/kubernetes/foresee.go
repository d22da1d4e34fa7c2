package kubernetes

import (
	"slices"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

// Foresee adds gpu_pod, and finds a processor that no GPU comes to. Tags change no field.
func (c *Config) Foresee(in sdk.Outlook) (out sdk.Outlook, idle []sdk.Fault) {
	if !slices.ContainsFunc([]string{vocabulary.GPU, vocabulary.Event}, func(metric string) bool {
		fields, known := in.Of(metric)
		return !known || len(fields) > 0
	}) {
		idle = append(idle, sdk.Fault{Problem: "nothing that comes here is of a GPU: there is nothing to say whose it is of"})
	}
	if !c.Info {
		return in, idle
	}
	return in.Join(vocabulary.Outlook(func(r vocabulary.Reading) bool { return r.Metric == vocabulary.Pod })), idle
}
