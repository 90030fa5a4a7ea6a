package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/signer"
)

// How long to wait before a part that has ended is started again.
const (
	restartFirst = 20 * time.Millisecond // doubled with each end up to restartLast, unless the part lived for livesWell
	restartLast  = 10 * time.Second
	livesWell    = 5 * time.Second
	restartApart = 500 * time.Millisecond // between starts of a part that others kill
)

// restarts tells how long to wait before a part is started again. The zero value is for a part that was never started
// again.
type restarts struct{ pause time.Duration }

// after returns how long to wait after a part has ended that lived for a time. One that worked and was killed from
// outside, as by an operator or for want of memory, is as good as new; anything else is likely to end again.
func (r *restarts) after(lived time.Duration, worked, killed bool) time.Duration {
	if lived > livesWell || worked && killed {
		r.pause = 0
	}
	if worked && killed {
		return max(restartFirst, restartApart-lived)
	}
	r.pause = min(max(restartFirst, 2*r.pause), restartLast)
	return r.pause
}

// supervise starts a part again whenever it has died, until ctx ends. It fails only if the first engine ends before
// it has served.
func (k *keeper) supervise(ctx context.Context, name string, p *part.Process) error {
	var again restarts
	for {
		began, worked, killed := time.Now(), false, false
		if p != nil {
			go p.Ask(ctx, aliveWithin, tellPing, nil, nil, nil) // any answer, even a refusal, shows that it works
			<-p.Ended()
			worked, killed = p.Heard(), p.Killed()
			k.dropped(name, p)
			if ctx.Err() != nil {
				return nil
			}
			if name == partEngine && !k.hasServed() {
				return fmt.Errorf("the engine has ended before it served anybody, with status %d", p.Status())
			}
			k.log.Error("a part has ended and is started again", "name", name, "pid", p.PID, "status", p.Status())
		}
		select {
		case <-time.After(again.after(time.Since(began), worked, killed)):
		case <-ctx.Done():
			return nil
		}
		var err error
		if p, err = k.start(ctx, name); err != nil {
			k.log.Error("a part can't be started again", "name", name, "err", err)
		}
	}
}

// hasServed reports whether any engine has begun to serve.
func (k *keeper) hasServed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.serving
}

// start starts a part and tells it what it needs at first.
func (k *keeper) start(ctx context.Context, name string) (p *part.Process, err error) {
	k.quiet.RLock()
	defer k.quiet.RUnlock()
	rights := k.rights
	rights.Sandbox = k.started.sandboxOf(name)
	if name == partEngine {
		p, err = k.startEngine(rights)
	} else {
		p, err = k.starter.Start(name, rights, nil)
	}
	if err != nil {
		return nil, err
	}
	if name == partSigner {
		if err := k.giveKey(ctx, p); err != nil {
			p.Kill()
			return nil, err
		}
	}
	k.mu.Lock()
	k.parts[name] = p
	close(k.arrived)
	k.arrived = make(chan struct{})
	k.mu.Unlock()
	if name == partSigner {
		k.introduce(ctx)
	}
	return p, nil
}

// awaited bounds how long a caller of await waits for a part to be started again.
const awaited = 3 * time.Second

// await returns the part of a name once it lives and is not before; nil if that takes longer than awaited.
func (k *keeper) await(ctx context.Context, name string, before *part.Process) *part.Process {
	late := time.NewTimer(awaited)
	defer late.Stop()
	for {
		k.mu.Lock()
		p, arrived := k.parts[name], k.arrived
		k.mu.Unlock()
		if p != nil && p != before {
			return p
		}
		select {
		case <-arrived:
		case <-late.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// dropped notes that a part has ended.
func (k *keeper) dropped(name string, p *part.Process) {
	k.mu.Lock()
	if k.parts[name] == p {
		delete(k.parts, name)
	}
	k.mu.Unlock()
	if name == partEngine {
		k.engineEnded(p)
	}
}

// giveKey gives the signer the private key of the certificate in force.
func (k *keeper) giveKey(ctx context.Context, p *part.Process) error {
	k.daemon.mu.Lock()
	cert := k.cert
	k.daemon.mu.Unlock()
	pair, err := cert.pair()
	if err != nil {
		return err
	}
	return signer.GiveKey(ctx, p.Peer, pair.PrivateKey)
}

// healing bounds how long a keeper that is well takes to look after all engines once: an upgrade may be under way, and
// engines may not answer.
const healing = pausing + 2*aliveWithin

// watchEngines kills engines that hang, so that others are started, until ctx ends. It has a pulse beat whenever it has
// looked after all.
func (k *keeper) watchEngines(ctx context.Context, healed *pulse) {
	ticker := time.NewTicker(aliveEvery)
	defer ticker.Stop()
	for {
		healed.beat()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.pingEngines(ctx)
		}
	}
}

// pingEngines pings all engines at once, and kills those that don't answer.
func (k *keeper) pingEngines(ctx context.Context) {
	k.quiet.RLock()
	defer k.quiet.RUnlock()
	var wg sync.WaitGroup
	for _, engine := range k.allEngines() {
		wg.Go(func() {
			err := engine.Ask(ctx, aliveWithin, tellPing, nil, nil, nil)
			if errors.Is(err, channel.ErrStuck) && ctx.Err() == nil {
				k.log.Error("the engine hangs and is killed", "pid", engine.PID, "after", aliveWithin)
				engine.Kill()
			}
		})
	}
	wg.Wait()
}
