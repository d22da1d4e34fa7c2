package nvidiasmi

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gpuline/gpuline/plugins/inputs/internal/selector"
)

// asker builds the command lines of queries. It learns from their failures: which properties this nvidia-smi
// does not know, and on which GPU it fails, so that it reads none. It belongs to one goroutine.
type asker struct {
	launcher *launcher
	log      *slog.Logger
	wanted   []int
	only     []string // the configuration's devices; all where empty

	known    *properties
	helped   bool     // --help-query-gpu was run
	reported []string // properties whose absence was logged
	gpus     []gpuName
	avoid    []string // PCI bus ids of GPUs on which nvidia-smi fails
}

type gpuName struct{ uuid, bus string }

func newAsker(c *Config, l *launcher, log *slog.Logger) *asker {
	return &asker{launcher: l, log: log, wanted: c.wanted(), only: c.Devices, known: new(properties)}
}

// plan returns what to ask for now.
func (a *asker) plan() *plan {
	p, missing := newPlan(a.wanted, a.known)
	missing = slices.DeleteFunc(missing, func(name string) bool { return slices.Contains(a.reported, name) })
	if len(missing) > 0 {
		a.reported = append(a.reported, missing...)
		a.log.Warn("this nvidia-smi does not know some readings; the others go on", "left_out", strings.Join(missing, ", "))
	}
	return p
}

// args returns the arguments of a query.
func (a *asker) args(p *plan, more ...string) []string {
	args := []string{"--query-gpu=" + p.query(), "--format=csv,nounits"}
	return append(append(args, a.target()...), more...)
}

// target returns the option that names the GPUs to read, or nothing for all.
func (a *asker) target() []string {
	ids := a.only
	if len(a.avoid) > 0 {
		ids = nil
		for _, g := range a.gpus {
			if !slices.ContainsFunc(a.avoid, func(bus string) bool { return selector.SameBus(bus, g.bus) }) {
				ids = append(ids, g.uuid)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []string{"-i", strings.Join(ids, ",")}
}

// meet remembers a GPU that was read.
func (a *asker) meet(uuid, bus []byte) {
	for i := range a.gpus {
		if a.gpus[i].uuid == string(uuid) {
			return
		}
	}
	if len(uuid) > 0 && len(bus) > 0 {
		a.gpus = append(a.gpus, gpuName{string(uuid), string(bus)})
	}
}

// helpTimeout bounds nvidia-smi --help-query-gpu, which does not need the driver.
const helpTimeout = 10 * time.Second

// learn looks for the reason why a query gave no rows, and reports whether asking again at once may help.
func (a *asker) learn(ctx context.Context, out []byte) bool {
	if name := invalidField(out); name != "" {
		if !a.helped {
			a.helped = true
			ctx, cancel := context.WithTimeout(ctx, helpTimeout)
			defer cancel()
			if help, err := a.launcher.run(ctx, nil, "--help-query-gpu"); err == nil {
				a.known.groups = parseHelp(help).groups
			}
		}
		return a.known.reject(name)
	}
	learned := false
	for _, u := range unreadables(out) {
		learned = u.bus != "" && a.leaveOut(u.bus) || learned
	}
	return learned
}

// leaveOut excludes a GPU from the queries to come. It reports false where it was excluded before, or where no
// other GPU is known.
func (a *asker) leaveOut(bus string) bool {
	if slices.ContainsFunc(a.avoid, func(b string) bool { return selector.SameBus(b, bus) }) {
		return false
	}
	a.avoid = append(a.avoid, bus)
	if a.target() == nil || !slices.ContainsFunc(a.gpus, func(g gpuName) bool { return selector.SameBus(g.bus, bus) }) {
		a.avoid = a.avoid[:len(a.avoid)-1] // there is no other GPU known to go on with
		return false
	}
	a.log.Warn("nvidia-smi fails because one GPU is lost; the others are read without it", "pci_bus_id", bus)
	return true
}

// retry includes the GPUs again that were left out.
func (a *asker) retry() { a.avoid = nil }

// refresh forgets which properties are unknown: a driver may have been updated.
func (a *asker) refresh() { a.known, a.helped = new(properties), false }
