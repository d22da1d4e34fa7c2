// Package kubernetes is a processor that says whose a GPU is: it asks the kubelet of the node which container has
// been given which device, and puts the tags namespace, pod and container on the readings of that device.
//
// A goroutine asks, and publishes what the kubelet has said as a value that nobody changes. Process reads it and
// waits for nothing. What a row becomes is worked out once for each series and each answer that differs.
package kubernetes

import (
	"context"
	_ "embed"
	"path/filepath"
	"time"

	"github.com/gpuline/gpuline/plugins/sdk"
	"github.com/gpuline/gpuline/plugins/vocabulary"
)

//go:embed sample.toml
var sample string

// Definition makes the processor known to a binary.
func Definition() sdk.Definition {
	return sdk.DefineProcessor("kubernetes", "The pod that has been given a GPU, on its readings", sample,
		func(c *Config) (sdk.Processor, error) { return New(c) })
}

// DefaultSocket is where kubelets listen that have no other root folder.
const DefaultSocket = "/var/lib/kubelet/pod-resources/kubelet.sock"

// Config is the table [[processors.kubernetes]].
type Config struct {
	Socket    string        `toml:"socket" doc:"Where the kubelet tells which pod has which device." default:"/var/lib/kubelet/pod-resources/kubelet.sock"`
	Refresh   time.Duration `toml:"refresh" doc:"How often it is asked." default:"10s" min:"1s"`
	Resources []string      `toml:"resources" doc:"Globs of the resources whose devices are GPUs, and of the drivers of claims." default:"nvidia.com/*,gpu.nvidia.com"`
	Info      bool          `toml:"info" doc:"Also write gpu_pod: a row for each container that has been given a GPU, those that share one included." default:"true"`
}

// Validate refuses what no socket can be found by.
func (c *Config) Validate() error {
	if !filepath.IsAbs(c.Socket) {
		return sdk.Fault{Path: []string{"socket"}, Problem: "must be an absolute path"}
	}
	return nil
}

// Kubernetes is the processor.
type Kubernetes struct {
	config Config
	ask    func(context.Context) ([]assignment, error)
	host   string
	watch  *watch // from Open to Close

	table      sdk.Table[state, struct{}]
	catalog    *sdk.Catalog
	generation uint64
	gpus       map[string]*gpu
	revision   uint64 // grows with what is known of them
	report     report
}

// New makes a processor that asks nobody before Open.
func New(c *Config) (*Kubernetes, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	k := &kubelet{socket: c.Socket, resources: c.Resources}
	return &Kubernetes{config: *c, ask: k.ask}, nil
}

// openWait bounds how long Open waits for the first answer: the chain stands still meanwhile. A kubelet answers
// within milliseconds, and one that is not there refuses at once.
const openWait = time.Second

// Open begins to ask, and waits a moment for the first answer: what is read before it would be series without a
// pod. A kubelet that does not answer is asked again, and is no reason not to open.
func (p *Kubernetes) Open(ctx context.Context, env *sdk.Env) error {
	p.host, p.report = env.Host, report{}
	p.watch = newWatch(p.ask, p.config.Refresh, env)
	first := p.watch.start()
	wait := time.NewTimer(openWait)
	defer wait.Stop()
	select {
	case <-first:
	case <-wait.C:
	case <-ctx.Done():
	}
	return nil
}

// Close ends the goroutine, in the middle of a question where need be.
func (p *Kubernetes) Close() error {
	p.watch.stop()
	return nil
}

// Process puts the tags on rows of GPUs.
func (p *Kubernetes) Process(_ context.Context, b *sdk.Batch) error {
	p.enter(b)
	for m := range b.All() {
		if m.Name() == vocabulary.Info {
			p.learn(m)
		}
	}
	said := p.watch.said.Load()
	for m := range b.All() {
		p.tag(b, m, said)
	}
	return nil
}
