package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

// maxEngines bounds the engines that live at once. A further one has the oldest end.
const maxEngines = 3

// engineProcess is an engine and the hands it has. The newest engine accepts connections and has the data ports;
// older ones are left from before an upgrade and keep their sessions.
type engineProcess struct {
	*part.Process // nil before started is closed
	k             *keeper
	started       chan struct{}
	hands         *hands
	number        uint64 // counts engines from 1, also over upgrades

	// Guarded by keeper.mu.
	retired time.Time // when a newer engine took over; zero for the newest
}

func (k *keeper) newEngine() *engineProcess {
	e := &engineProcess{k: k, started: make(chan struct{})}
	e.hands = newHands(e)
	return e
}

// answer answers the questions of the engine.
func (e *engineProcess) answer(c *channel.Call, w *channel.Writer) (*os.File, error) {
	<-e.started
	return e.k.answer(e, c, w)
}

// startEngine starts an engine, which becomes the newest.
func (k *keeper) startEngine(rights part.Rights) (*part.Process, error) {
	e := k.newEngine()
	defer close(e.started)
	k.mu.Lock()
	k.number++
	e.number = k.number
	k.mu.Unlock()
	p, err := k.starter.Start(partEngine, rights, e.answer)
	if err != nil {
		return nil, err
	}
	e.Process = p
	k.mu.Lock()
	k.engines = append(k.engines, e)
	k.mu.Unlock()
	return p, nil
}

// allEngines returns the engines that live, the oldest first.
func (k *keeper) allEngines() []*engineProcess {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.engines)
}

// isNewest reports whether an engine is the newest, which accepts connections.
func (k *keeper) isNewest(e *engineProcess) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.engines) > 0 && k.engines[len(k.engines)-1] == e
}

// engineEnded forgets an engine that has ended.
func (k *keeper) engineEnded(p *part.Process) {
	k.mu.Lock()
	i := slices.IndexFunc(k.engines, func(e *engineProcess) bool { return e.Process == p })
	if i < 0 {
		k.mu.Unlock()
		return
	}
	e := k.engines[i]
	k.engines = slices.Delete(k.engines, i, i+1)
	k.mu.Unlock()
	e.hands.drop() // no other engine has these hands
}

// succeed has all older engines give up their listeners and have the newest one make their leases.
func (k *keeper) succeed(ctx context.Context, newest *engineProcess) {
	k.succeeding.Lock()
	defer k.succeeding.Unlock()
	all := k.allEngines()
	if len(all) < 2 || all[len(all)-1] != newest {
		return
	}
	older := all[:len(all)-1]
	for i, e := range older {
		if err := bringTogether(ctx, newest, e); err != nil && ctx.Err() == nil {
			k.log.Error("an engine of before the upgrade gets no data ports any more", "pid", e.PID, "err", err)
		}
		k.mu.Lock()
		first := e.retired.IsZero()
		if first {
			e.retired = time.Now()
		}
		k.mu.Unlock()
		if first {
			go k.limitEngine(e)
		}
		if i < len(all)-maxEngines {
			k.log.Info("an engine ends, since there are too many", "pid", e.PID)
			e.Ask(ctx, usualPatience, tellDrain, nil, nil, nil)
		}
	}
}

// bringTogether connects two engines by a pair of sockets.
func bringTogether(ctx context.Context, newest, older *engineProcess) error {
	mine, its, err := channel.Pair()
	if err != nil {
		return err
	}
	defer mine.Close()
	defer its.Close()
	if err := newest.Ask(ctx, usualPatience, tellLend, nil, mine, nil); err != nil {
		return err
	}
	return older.Ask(ctx, usualPatience, tellBorrow, nil, its, nil)
}

// limitEngine ends an older engine when the time that it had for its sessions is over.
func (k *keeper) limitEngine(e *engineProcess) {
	k.mu.Lock()
	since := e.retired
	k.mu.Unlock()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for range ticker.C {
		select {
		case <-e.Ended():
			return
		default:
		}
		if time.Since(since) < k.current().upgradeDrain {
			continue
		}
		k.log.Info("an engine of before an upgrade ends, since its time is over", "pid", e.PID)
		e.Ask(context.Background(), usualPatience, tellDrain, nil, nil, nil)
		select {
		case <-e.Ended():
		case <-time.After(k.current().drain + engineGrace):
			e.Kill()
		}
		return
	}
}

// watchOlder waits for the end of an engine that an earlier keeper has started.
func (k *keeper) watchOlder(e *engineProcess) {
	<-e.Ended()
	k.engineEnded(e.Process)
	if status := e.Status(); status != 0 {
		k.log.Error("an engine of before an upgrade has ended", "pid", e.PID, "status", status)
		return
	}
	k.log.Info("an engine of before an upgrade has ended: its sessions are over", "pid", e.PID)
}

// shutEngines has all engines drain: transfers may finish until the engine's time for that is over or cut is done.
func (k *keeper) shutEngines(cut context.Context) error {
	all := k.allEngines()
	if len(all) == 0 {
		return errors.New("stopped while the engine was not there")
	}
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, e := range all {
		wg.Go(func() { errs[i] = k.shutEngine(cut, e) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
