package pipeline

import (
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The pages by which whatever runs the agent learns how it is.
const (
	healthPath = "/healthz" // 503 when the engine itself is stuck: restart it
	readyPath  = "/readyz"  // 503 when an input is stale, or a processor or an output fails: look at it

	// inputsPath is 503 when the engine is stuck or an input is stale: where only a new container has the GPU's devices
	// again, restart it after some minutes of that.
	inputsPath = "/healthz/inputs"
)

const (
	chainPatience  = 30 * time.Second // in one batch
	outputPatience = 10 * time.Second // in failing, or in one write; at least twice its timeout

	processorPatience = 10 * time.Second // in failing
)

// condition is how a plugin is. Its owner reports, anybody asks.
type condition struct {
	mu      sync.Mutex
	tried   bool // to open it, with whatever outcome
	open    bool
	over    bool      // it has come to its end, as it was to
	failing time.Time // since; zero while it does not
	worked  time.Time // last
	calling time.Time // since; zero outside of calls that are bounded
}

func (c *condition) opened(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried = true
	if ok {
		c.open, c.worked = true, time.Now()
	}
}

func (c *condition) wasTried() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tried
}

// end notes that nothing more is to be expected, and that nothing is wrong with that.
func (c *condition) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// begin notes that a call begins that should end soon.
func (c *condition) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calling = time.Now()
}

// report takes the outcome of a call. Of the first that works after failures it says for how long there
// was none.
func (c *condition) report(ok bool) (failed time.Duration, recovered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.calling = time.Time{}
	switch {
	case ok:
		if recovered = !c.failing.IsZero(); recovered {
			failed = now.Sub(c.failing)
		}
		c.worked, c.failing = now, time.Time{}
	case c.failing.IsZero():
		c.failing = now
	}
	return failed, recovered
}

// fault says what is wrong, or "". Failing, or one call, may last for patience. The last success may be as long ago
// as stale; 0 is for any time.
func (c *condition) fault(now time.Time, patience, stale time.Duration) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return ""
	case !c.open:
		return "not open"
	case !c.failing.IsZero() && now.Sub(c.failing) >= patience:
		return fmt.Sprintf("failing for %v", now.Sub(c.failing).Round(time.Second))
	case !c.calling.IsZero() && now.Sub(c.calling) >= patience:
		return fmt.Sprintf("stuck for %v", now.Sub(c.calling).Round(time.Second))
	case stale > 0 && now.Sub(c.worked) > stale:
		return fmt.Sprintf("nothing for %v", now.Sub(c.worked).Round(time.Second))
	}
	return ""
}

// Alive reports whether the engine works: it is not when its chain is stuck in a batch. It may be called
// from any goroutine.
func (p *Pipeline) Alive() bool {
	since := p.chain.busy.Load()
	return since == 0 || time.Since(time.Unix(0, since)) <= chainPatience
}

// settled reports whether each output has been tried to open: which pages there are is known only then.
func (p *Pipeline) settled() bool {
	for _, o := range p.now().outputs {
		if !o.condition.wasTried() {
			return false
		}
	}
	return true
}

// healthy answers healthPath.
func (p *Pipeline) healthy(w http.ResponseWriter, _ *http.Request) {
	if !p.Alive() {
		http.Error(w, "the chain of processors is stuck", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}

// ready answers readyPath. It names plugins and no error: a page tells nothing that may be a secret.
func (p *Pipeline) ready(w http.ResponseWriter, _ *http.Request) {
	answer(w, p.faultsNow(time.Now()))
}

// reading answers inputsPath.
func (p *Pipeline) reading(w http.ResponseWriter, r *http.Request) {
	if !p.Alive() {
		p.healthy(w, r)
		return
	}
	answer(w, inputFaults(p.now(), time.Now()))
}

func answer(w http.ResponseWriter, faults []string) {
	if len(faults) > 0 {
		http.Error(w, strings.Join(faults, "\n"), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}

func inputFaults(g *graph, now time.Time) (faults []string) {
	for _, in := range g.inputs {
		stale := time.Duration(0)
		if in.polled {
			stale = 3*in.plan.Interval + in.plan.Timeout
		}
		if f := in.condition.fault(now, 0, stale); f != "" {
			faults = append(faults, in.name+": "+f)
		}
	}
	return faults
}

func (p *Pipeline) faultsNow(now time.Time) []string {
	g := p.now()
	faults := inputFaults(g, now)
	processors := func(all iter.Seq[*processor]) {
		for at := range all {
			if !at.condition.wasTried() { // its chain has had nothing for it
				continue
			}
			if f := at.condition.fault(now, processorPatience, 0); f != "" {
				faults = append(faults, at.name+": "+f)
			}
		}
	}
	processors(g.wiring.all())
	for _, o := range g.outputs {
		if o.own != nil {
			processors(o.own.all())
		}
		if f := o.condition.fault(now, max(outputPatience, 2*o.plan.Timeout), 0); f != "" {
			faults = append(faults, o.name+": "+f)
		}
		if o.intake.queue.Stats().Refused {
			faults = append(faults, o.name+": its queue's disk refuses")
		}
	}
	return faults
}
