package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/external/host"
	"github.com/gpuline/gpuline/plugins/sdk"
)

// source says which configuration a command takes.
type source struct {
	Config []string
}

// add adds the flag to a command.
func (s *source) add(c *cobra.Command, more string) {
	c.Flags().StringArrayVarP(&s.Config, "config", "c", nil, "`PATH` of a configuration file, or of a folder of *.toml; may be repeated"+more)
}

// orDetect says what is done without a configuration.
const orDetect = "; without it, this host's GPUs are looked for"

// load returns the plan of the files, or of what is found on this host.
func (s source) load(p *program) (*pipeline.Plan, error) {
	if len(s.Config) == 0 {
		return detect(p)
	}
	plan, err := conf.Load(p.registry, s.Config)
	if err != nil {
		complain(p.stderr, plan, err)
		return nil, errReported
	}
	return plan, nil
}

// newRun returns the command that runs the agent.
func newRun(p *program) *cobra.Command {
	var from source
	c := command("run [-c PATH]...", "Run the agent until its inputs end or it is told to stop", 0, 0, func([]string) error {
		plan, err := from.load(p)
		if err != nil {
			return err
		}
		return work(p, plan, from.reload)
	})
	c.SuggestFor = []string{"start", "agent", "serve"}
	from.add(c, orDetect)
	return c
}

// newOnce returns the command that reads from each input twice, so that counters have rates, and flushes the
// windows.
func newOnce(p *program) *cobra.Command {
	var from source
	c := command("once [-c PATH]...", "Read twice, deliver what came of it, and end", 0, 0, func([]string) error {
		plan, err := from.load(p)
		if err != nil {
			return err
		}
		plan.Agent.Gathers = 2
		plan.Agent.SelfInterval = 0
		if !slices.ContainsFunc(plan.Outputs, func(o pipeline.Output) bool { return o.Name == "stdout" }) {
			_, _ = fmt.Fprintln(p.stderr, "gpuline: nothing is printed: the configuration has no [[outputs.stdout]]")
		}
		return work(p, plan, nil)
	})
	c.Long = `Read twice, deliver what came of it, and end.

Inputs that are polled are read at once and after their interval. One that waits for what comes, such as listener
or nats, is waited for each time as long as its interval and its timeout together: 6s unless set. A program that
runs along, such as nvidia-smi, gets 40s at least, and recorded data as long as they take.

The exit status is 1 where an input has failed, and nothing could be read from it, or where it hangs: it is left behind
after 50s.`
	from.add(c, orDetect)
	return c
}

// work runs a plan until its inputs end, or its outputs, or a signal arrives; a second signal ends the
// program at once. SIGHUP takes the plan that reload returns. The ledger is the last line on stderr.
func work(p *program, plan *pipeline.Plan, reload func(*program, *slog.Logger) (*pipeline.Plan, error)) error {
	level := new(slog.LevelVar)
	level.Set(plan.Agent.LogLevel)
	log := logger(p.stderr, level, plan.Agent.LogFormat)
	warn(log, plan)
	plan.Agent.Launch = launch.Self
	agent, err := pipeline.New(*plan, log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer onSignals(func() {
		cancel()
		time.AfterFunc(endQuiet, func() { tellWait(log, agent.Ledger()) })
	}, func() {
		_, _ = fmt.Fprintln(p.stderr, "gpuline: ended at once, by a second signal; what was on its way is lost")
		os.Exit(statusKilled)
	})()
	if reload != nil {
		defer onHangup(func() {
			if next, err := reload(p, log); err == nil && takeOver(agent, next, log) {
				level.Set(next.Agent.LogLevel)
			}
		})()
	}
	end := notify(ctx, log, agent.Alive)
	err = agent.Run(ctx)
	settle()
	end()
	ledger := agent.Ledger()
	tellRest(log, &ledger)
	level.Set(silent) // a reload, or a plugin that was left behind, may still have something to say
	if fault := ledger.Check(); fault != nil {
		_, _ = fmt.Fprintf(p.stderr, "gpuline: the ledger does not balance, please report this: %v\n", fault)
	}
	_, _ = fmt.Fprintln(p.stderr, ledger.String())
	if err != nil {
		return errReported // by the agent's log
	}
	return nil
}

// warn says what is odd about a configuration.
func warn(log *slog.Logger, plan *pipeline.Plan) {
	for _, w := range plan.Warnings {
		log.Warn("the configuration may not do what it says", "warning", w)
	}
}

// endQuiet is how long the end may take without a word.
const endQuiet = time.Second

// tellWait says what the end waits for, so that nobody takes it for an agent that hangs.
func tellWait(log *slog.Logger, ledger pipeline.Ledger) {
	for i := range ledger.Outputs {
		if o := &ledger.Outputs[i]; o.Queued > 0 {
			log.Info("at the end, the output gets up to [agent] shutdown_grace to take what is queued; another signal ends the agent at once",
				"plugin", o.Name, "metrics", o.Queued)
		}
	}
}

// silent is above the level of every message.
const silent = slog.Level(math.MaxInt)

// tellRest logs, by plugin and reason, what the ledger's line has only as one number.
func tellRest(log *slog.Logger, ledger *pipeline.Ledger) {
	tell := func(plugin string, drops []sdk.Drop) {
		for _, d := range drops {
			if d.Count > 0 {
				log.Info("metrics were dropped in all", "plugin", plugin, "reason", d.Reason, "metrics", d.Count)
			}
		}
	}
	for i := range ledger.Stages {
		tell(ledger.Stages[i].Name, ledger.Stages[i].Drops)
	}
	for i := range ledger.Outputs {
		o := &ledger.Outputs[i]
		tell(o.Name, o.Drops)
		if o.OnDisk && o.Queued > 0 {
			log.Info("metrics wait on disk for the next start", "plugin", o.Name, "metrics", o.Queued)
		}
	}
}

// lastAcks bounds the wait for external inputs once all is delivered; one that hangs gets no longer.
const lastAcks = 5 * time.Second

// settle lets external inputs hear of what was delivered last.
func settle() {
	ctx, cancel := context.WithTimeout(context.Background(), lastAcks)
	defer cancel()
	host.Settle(ctx)
}

func logger(w io.Writer, level slog.Leveler, format pipeline.LogFormat) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == pipeline.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
