package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells the service manager that the agent is ready and, once ctx ends, that it stops. It does so where
// $NOTIFY_SOCKET is set, as systemd does for Type=notify. Where $WATCHDOG_USEC is set too it also gives a sign of
// life twice in that time, but only while alive reports true: a stuck agent is killed and started anew. The signs
// go on while the agent drains; the returned function ends them.
func notify(ctx context.Context, log *slog.Logger, alive func() bool) (end func()) {
	tell := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("cannot reach the service manager", "state", state, "err", err)
		}
	}
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog cannot be served", "err", err)
	}
	tell(daemon.SdNotifyReady)
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var due <-chan time.Time
		if limit > 0 {
			t := time.NewTicker(max(limit/2, time.Millisecond))
			defer t.Stop()
			due = t.C
		}
		stopping := ctx.Done()
		for {
			select {
			case <-ended:
				return
			case <-stopping:
				stopping = nil
				tell(daemon.SdNotifyStopping)
			case <-due:
				if alive() {
					tell(daemon.SdNotifyWatchdog)
				}
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
