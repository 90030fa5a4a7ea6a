package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

// replace executes the program anew in this process. Questions between parts that are under way are answered first, or
// by the next program.
func (k *keeper) replace() {
	err := k.leave()
	k.upgrading.Store(false)
	if err == nil {
		return
	}
	k.mu.Lock()
	k.failed = err.Error()
	k.mu.Unlock()
	k.log.Error("the upgrade came to nothing, and all stays as it is", "err", err)
}

// pausing bounds how long an upgrade waits for questions that are under way.
const pausing = 20 * time.Second

// leave executes the program anew. It returns only if that fails.
func (k *keeper) leave() error {
	k.reloading.Lock()
	defer k.reloading.Unlock()
	k.quiet.Lock()
	defer k.quiet.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), pausing)
	defer cancel()
	left := &leaving{k: k, handover: handover{Version: takeOverVersion, Messages: channel.Version, Started: k.startedAt, Password: k.password}}
	defer left.undo()
	if err := left.pause(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("a process is busy for too long: %w", err)
		}
		return err
	}
	if err := left.gather(); err != nil {
		return err
	}
	f, err := packed(left.handover)
	if err != nil {
		return err
	}
	fd, err := left.keep(f)
	if err != nil {
		return err
	}
	k.log.Info("the program is executed anew", "program", k.program)
	k.out.queue.Written(time.Second)
	if k.bans != nil && k.bans.state != nil {
		k.bans.state.save()
	}
	env := append(os.Environ(), takeOverVariable+"="+toTakeOver+strconv.Itoa(fd))
	return k.starter.Replace(k.program, os.Args, env, left.fds)
}

// leaving collects the handover to the next program.
type leaving struct {
	handover
	k      *keeper
	paused []*channel.Peer
	files  []*os.File
	fds    []int
}

// undo lets the parts go on as before.
func (l *leaving) undo() {
	for _, p := range l.paused {
		p.Resume()
	}
	for _, f := range l.files {
		f.Close()
	}
}

// pause keeps parts from asking anything new, and waits until all questions are answered.
func (l *leaving) pause(ctx context.Context) error {
	for _, e := range l.k.allEngines() {
		l.paused = append(l.paused, e.Peer)
		if err := e.Pause(ctx); err != nil {
			return err
		}
	}
	for _, e := range l.k.allEngines() {
		if err := e.hands.settled(ctx); err != nil {
			return err
		}
		for _, h := range e.hands.every() {
			if h.process == nil {
				continue // the hand has failed to begin
			}
			l.paused = append(l.paused, h.process.Peer)
			if err := h.process.Pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep passes a descriptor on to the next program, and returns its number. undo closes it.
func (l *leaving) keep(f *os.File) (fd int, err error) {
	l.files = append(l.files, f)
	return l.number(f)
}

// number passes a descriptor on to the next program, and returns its number. It stays open here.
func (l *leaving) number(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	l.fds = append(l.fds, fd)
	return fd, err
}

// gather fills the handover.
func (l *leaving) gather() error {
	for _, ln := range l.k.namedListeners() {
		f, err := descriptorOf(ln.Listener)
		if err != nil {
			return err
		}
		fd, err := l.keep(f)
		if err != nil {
			return err
		}
		l.Listeners = append(l.Listeners, leftListener{Name: ln.name, Addr: ln.Addr().String(), FD: fd})
	}
	if s := l.k.socket; s != nil {
		f, err := descriptorOf(s.Listener)
		if err != nil {
			return err
		}
		if l.Control.FD, err = l.keep(f); err != nil {
			return err
		}
		l.Control.Path = s.path
	}
	for _, f := range l.k.logPipe {
		fd, err := l.number(f)
		if err != nil {
			return err
		}
		l.Log = append(l.Log, fd)
	}
	l.Bans = l.k.bans.list()
	l.Tickets, l.Renewed = l.k.tickets.leave()
	err := l.usages(&l.k.usages)
	if err != nil {
		return err
	}
	if l.Made, err = l.k.cert.leave(); err != nil {
		return err
	}
	l.k.mu.Lock()
	l.Number, l.Parts = l.k.number, l.k.starter.Living()
	l.k.mu.Unlock()
	for _, e := range l.k.allEngines() {
		if err := l.engine(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *leaving) engine(e *engineProcess) error {
	p, err := l.part(e.Process)
	if err != nil {
		return err
	}
	l.k.mu.Lock()
	left := leftEngine{leftPart: p, Retired: e.retired}
	l.k.mu.Unlock()
	e.hands.mu.Lock()
	defer e.hands.mu.Unlock()
	left.LastHand = e.hands.last
	for _, h := range e.hands.all {
		if h.process == nil {
			continue // the hand has failed to begin
		}
		p, err := l.part(h.process)
		if errors.Is(err, channel.ErrGone) {
			continue // the hand is ending
		}
		if err != nil {
			return err
		}
		session, err := l.session(h.session)
		if err != nil {
			return err
		}
		left.Hands = append(left.Hands, leftHand{
			leftPart: p, ID: h.id, Session: h.at.session, PAM: session, Counts: l.k.usages.placeOf(h), Sessions: uint64(h.sessions), Dir: h.at.dir, Folders: h.at.folders, Store: h.at.store, As: h.at.as, Uploads: string(h.at.uploads), Umask: h.at.umask.bits, Umasked: h.at.umask.set, Rules: h.at.rules,
			Quota: h.at.quota.bytes, Limited: h.at.quota.set, Check: h.at.check, UID: h.as.uid, GID: h.as.gid, Groups: h.as.groups, NoMoreLogins: e.hands.place[h.at] != h,
		})
	}
	l.Engines = append(l.Engines, left)
	return nil
}

func (l *leaving) part(p *part.Process) (left leftPart, err error) {
	if !slices.Contains(l.paused, p.Peer) {
		l.paused = append(l.paused, p.Peer)
	}
	d, err := p.Detach()
	if err != nil {
		return left, err
	}
	left = leftPart{PID: p.PID, Last: d.Last}
	if left.FD, err = l.keep(d.File); err != nil {
		return left, err
	}
	for _, m := range d.Held {
		kept := leftMessage{Bytes: m.Bytes}
		if m.File != nil {
			if kept.FD, err = l.number(m.File); err != nil {
				return left, err
			}
		}
		left.Held = append(left.Held, kept)
	}
	return left, nil
}

// namedListeners returns the listeners for another program, by the names that a supervisor would hand them over with.
func (d *daemon) namedListeners() (all []*handed) {
	add := func(ln net.Listener, name string) {
		if ln == nil {
			return
		}
		if h := d.sup.find(ln); h != nil {
			name = h.name
		}
		all = append(all, &handed{Listener: ln, name: name})
	}
	add(d.explicit, keptPrefix+"listen")
	add(d.implicit, keptPrefix+"listen-implicit")
	for _, ln := range d.held {
		add(ln, keptData)
	}
	return all
}
