package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// oneEnding is how long further signals count as the first one repeated. Ctrl-C
// reaches every process of a terminal, and whoever started this one often passes
// it on; some supervisors send SIGTERM to the process and then to its group.
const oneEnding = time.Second

// endings says when a daemon is asked to end: drain ends with the first signal, and
// cut with one that comes later than oneEnding after it.
type endings struct{ drain, cut context.Context }

// awaitEndings makes the endings of what comes from signals. The end of ctx counts
// as a signal. So does a SIGHUP for which hangup returns true. stop releases everything.
func awaitEndings(ctx context.Context, signals <-chan os.Signal, hangup func() (ends bool)) (e endings, stop func()) {
	running, end := context.WithCancel(context.Background())
	var drain, cut context.CancelFunc
	e.drain, drain = context.WithCancel(running)
	e.cut, cut = context.WithCancel(running)
	var done sync.WaitGroup
	done.Go(func() {
		defer drain()
		defer cut()
		var first time.Time
		for asked := ctx.Done(); ; {
			select {
			case <-running.Done():
				return
			case <-asked:
				asked = nil // it stays closed
			case s := <-signals:
				if s == syscall.SIGHUP && !hangup() {
					continue
				}
			}
			switch now := time.Now(); {
			case first.IsZero():
				first = now
				drain()
			case now.Sub(first) > oneEnding:
				cut()
			}
		}
	})
	return e, func() { end(); done.Wait() }
}

// awaitSignals does what awaitEndings does, with the signals of this process.
func awaitSignals(ctx context.Context, h *hangup) (e endings, stop func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) || h.rereads { // as with nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	e, release := awaitEndings(ctx, signals, h.received)
	return e, func() {
		signal.Stop(signals)
		release()
	}
}
