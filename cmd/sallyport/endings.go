package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// oneEnding is the time within which further signals count as a repetition of the first.
// Ctrl-C reaches every process of a terminal, and the parent of this process often
// passes it on; some supervisors send SIGTERM to the process and then to its group.
const oneEnding = time.Second

// endings says when a daemon is to end: drain is done from the first signal on, and cut
// from another one on that comes more than oneEnding later.
type endings struct{ drain, cut context.Context }

// awaitEndings derives endings from signals. The end of ctx counts as a signal, and so
// does a SIGHUP for which hangup returns true. stop releases all resources.
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
				asked = nil // is closed for good: never ready again
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

// awaitSignals is awaitEndings with the signals of this process.
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
