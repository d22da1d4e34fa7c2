package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells the service manager, where one asks for it through $NOTIFY_SOCKET as systemd does for
// Type=notify, that the agent is ready and, once ctx ends, that it stops. Where $WATCHDOG_USEC asks for
// signs of life it gives one in each half of that time, but only while alive says so: an agent that is
// stuck is killed and started anew. The signs go on while the agent drains, until the function that
// notify returns is called; that one waits for the end of it.
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
