package main

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gpuline/gpuline/cmd/gpuline/launch"
	"github.com/gpuline/gpuline/conf"
	"github.com/gpuline/gpuline/pipeline"
)

// reload returns the plan that the files say now. What is wrong with them goes to the log, a record a fault.
func (s source) reload(p *program, log *slog.Logger) (*pipeline.Plan, error) {
	if len(s.Config) == 0 {
		err := errors.New("there is no configuration file to read again")
		log.Error("the agent goes on with the configuration that it has", "err", err)
		return nil, err
	}
	plan, err := conf.Load(p.registry, s.Config)
	warn(log, plan)
	if err == nil {
		return plan, nil
	}
	faults, ok := errors.AsType[conf.Errors](err)
	if !ok {
		log.Error("the configuration is faulty", "err", err)
	}
	for _, fault := range faults {
		log.Error("the configuration is faulty", "err", fault)
	}
	log.Error("the configuration was not taken; the agent goes on with the one it has", "faults", max(len(faults), 1))
	return nil, err
}

// takeOver has the agent go on with another plan, and reports whether it does.
func takeOver(agent *pipeline.Pipeline, plan *pipeline.Plan, log *slog.Logger) bool {
	plan.Agent.Launch = launch.Self
	if err := agent.Reload(*plan); err != nil {
		log.Error("the configuration was not taken; the agent goes on with the one it has", "err", err)
		return false
	}
	return true
}

// onHangup calls f on each SIGHUP, one after another. The function that it returns ends that. It does not wait
// for a call that lasts: a file that cannot be read now must not hold up the end.
func onHangup(f func()) (stop func()) {
	hangups, end := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangups:
				f()
			case <-end:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(end)
	}
}
