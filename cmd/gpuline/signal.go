package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// statusKilled is the exit status of an agent that a second signal has ended.
const statusKilled = 130

// echo is how long after the first signal another is taken for the same one: timeout(1), and a shell whose
// terminal is closed, signal a process and then its group.
const echo = 200 * time.Millisecond

// onSignals calls first once SIGINT or SIGTERM arrives, and again with another one. Until stop is called,
// a pipe whose reader has gone is an error of the write to it, and does not end the program.
func onSignals(first, again func()) (stop func()) {
	signals, pipes, end := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Notify(pipes, syscall.SIGPIPE) // ignoring it would be inherited by children
	go watch(signals, end, first, again)
	return func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		close(end)
	}
}

func watch(signals <-chan os.Signal, end <-chan struct{}, first, again func()) {
	var since time.Time
	for {
		select {
		case <-signals:
		case <-end:
			return
		}
		switch now := time.Now(); {
		case since.IsZero():
			since = now
			first()
		case now.Sub(since) >= echo:
			again()
		}
	}
}
