//go:build cgo

package dcgm

import (
	"context"
	"io"
	"log"
	"time"

	"github.com/NVIDIA/go-dcgm/pkg/dcgm"

	"github.com/gpuline/gpuline/plugins/sdk"
)

// policies listens for violations of the policies that an operator has set; it sets none. XIDs are not among
// them: field 230 tells each with its time.
type policies struct {
	reports chan dcgm.PolicyViolation
	dropped *sdk.Number

	cancel context.CancelFunc // nil while nobody listens
	done   chan struct{}
}

// conditions are the violations that are told.
var conditions = []dcgm.PolicyCondition{
	dcgm.DbePolicy, dcgm.PCIePolicy, dcgm.MaxRtPgPolicy, dcgm.ThermalPolicy, dcgm.PowerPolicy, dcgm.NvlinkPolicy,
}

// waiting is how many violations may wait for the reader.
const waiting = 256

func newPolicies(env *sdk.Env) *policies {
	return &policies{
		reports: make(chan dcgm.PolicyViolation, waiting),
		dropped: env.Meter.Counter("gpuline_dcgm_dropped_violations_total", "Violations of policies that were dropped because the agent fell behind."),
	}
}

// listen begins to listen for violations of a group's GPUs.
func (p *policies) listen(group dcgm.GroupHandle) error {
	ctx, cancel := context.WithCancel(context.Background())
	var violations <-chan dcgm.PolicyViolation
	var err error
	quietly(func() { violations, err = dcgm.WatchPolicyViolationsForGroup(ctx, group, conditions...) })
	if err != nil {
		cancel()
		return err
	}
	p.cancel, p.done = cancel, make(chan struct{})
	go p.forward(violations, p.done)
	return nil
}

// forward hands violations on. go-dcgm has room for a few only, and drops the rest.
func (p *policies) forward(violations <-chan dcgm.PolicyViolation, done chan<- struct{}) {
	defer close(done)
	for v := range violations {
		select {
		case p.reports <- v:
		default:
			p.dropped.Add(1)
		}
	}
}

// stop ends listening.
func (p *policies) stop() {
	if p.cancel == nil {
		return
	}
	quietly(func() {
		p.cancel()
		<-p.done
		// go-dcgm closes its channel first and takes leave of the hostengine then, on a goroutine of its own, which
		// nothing tells the end of. The connection should still be there.
		time.Sleep(parting)
	})
	p.cancel = nil
}

// quietly keeps what go-dcgm tells the standard log of its own course from operators.
func quietly(f func()) {
	before := log.Writer()
	log.SetOutput(io.Discard)
	defer log.SetOutput(before)
	f()
}

const parting = 50 * time.Millisecond
