package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/signer"
)

// keeper is the process of a split server that has all rights. It holds ports and configuration, starts the other
// parts, starts them again when they die, and decides on logins. Of what comes from the network it reads only what the
// engine tells it of logins.
type keeper struct {
	*daemon
	starter *part.Starter
	out     *serverLog
	rights  part.Rights // of signer, clerk and engine
	users   logins

	telling sync.Mutex // is held while the engine is told of settings
	told    [][]byte   // the certificates that the engine was told of; guarded by telling

	offered atomic.Pointer[settings] // the settings that the engine was told of last, even if it refuses them

	unpacking sync.Mutex // is held while a file of the engine's is read, which may be long

	meeting sync.Mutex // is held while engines and the signer are connected

	succeeding sync.Mutex // is held while engines are connected to each other

	quiet     sync.RWMutex // is held for writing while no part may be asked or started
	upgrading atomic.Bool

	tickets ticketKeys
	usages  usages

	mu      sync.Mutex
	parts   map[string]*part.Process // the parts that live, by name; of engines the newest
	engines []*engineProcess         // the oldest first
	number  uint64                   // of the engine that was started last
	failed  string                   // why the last upgrade came to nothing
	arrived chan struct{}            // is closed, and replaced, when a part has started
	ready   chan struct{}            // is closed when an engine serves for the first time
	serving bool
}

// Names of the parts.
const (
	partSigner = "signer"
	partClerk  = "clerk"
	partEngine = "engine"
	partHand   = "hand"
	partBucket = "bucket" // the hand of a bucket
	partJudge  = "judge"  // of one login
	partRunner = "runner"
)

// engineGrace is how long an engine may take to begin, and to end beyond the time that transfers have.
const engineGrace = 30 * time.Second

// keep splits the server into parts, and serves until it is asked to end.
func (d *daemon) keep(until endings, facts io.Writer, out *serverLog) error {
	starter := part.NewStarter()
	pipe, relayed, err := out.ofParts(starter, d.left)
	if err != nil {
		return err
	}
	defer relayed()
	d.logPipe = pipe
	k := &keeper{daemon: d, starter: starter, out: out, parts: map[string]*part.Process{}, ready: make(chan struct{}), arrived: make(chan struct{})}
	as := d.systemUsers[d.runAs]
	k.rights = part.Rights{UID: as.uid, GID: as.gid} // in no other group
	d.apply, d.log = k.follow, d.log.With("part", "keeper")
	if starter.Exposed != nil {
		d.log.Warn("for a moment after its start other processes of its user can look into a part", "err", starter.Exposed)
	}
	users, err := k.judges(d.settings)
	if err == nil {
		err = errors.Join(part.Harden(), k.check(d.settings, d.cert))
	}
	if err != nil {
		return err
	}
	k.users.now.Store(users)
	tellLacks(k.log, d.sandbox, sandbox.Look())
	d.tellSystemUsers(k.log)
	ctx, end := context.WithCancel(context.Background())
	defer k.end()
	defer end()
	if d.left != nil && !d.left.trial {
		d.startedAt, d.password = d.left.Started, d.left.Password
		k.serving = true // the engines from before the upgrade serve
		close(k.ready)
		if err := k.adopt(d.left); err != nil {
			return err
		}
	}
	k.tickets.begin(time.Now())
	failed := make(chan error, 3)
	for _, name := range []string{partSigner, partClerk, partEngine} {
		p, err := k.start(ctx, name)
		if err != nil {
			return fmt.Errorf("the %s can't be started: %w", name, err)
		}
		go func() { failed <- k.supervise(ctx, name, p) }()
	}
	if d.left.isTrial() {
		return k.try(failed, facts)
	}
	select {
	case <-k.ready:
	case err := <-failed:
		return err
	case <-until.drain.Done():
		return nil
	case <-time.After(engineGrace):
		return errors.New("the engine does not begin to serve")
	}
	if d.left == nil {
		io.WriteString(facts, d.banner())
	}
	d.sup.store(d)
	d.sup.ready("Serving")
	served, endServed := context.WithCancel(context.Background())
	defer endServed()
	healed := new(pulse)
	healed.beat()
	go k.watchEngines(ctx, healed)
	go d.sup.watch(served, func() bool { return k.draining.Load() || healed.within(healing) }) // draining has its own time
	go k.watchCertificate(ctx)
	go k.watchAccess(ctx, func(next *settings) error {
		return k.tell(next, k.cert, func() { k.use(next, k.cert, func() {}) })
	})
	go k.renewTicketKeys(ctx)
	go fewThreads(ctx, 0)
	go tidy(ctx)
	for {
		select {
		case <-d.hangup.reload:
			d.reload()
		case <-until.drain.Done():
			end() // keeps parts from being started again
			return k.shutdown(until.cut)
		}
	}
}

// part returns the part of that name, nil if it doesn't live.
func (k *keeper) part(name string) *part.Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.parts[name]
}

// ask asks the part of that name a question; channel.ErrGone means that the part doesn't live.
func (k *keeper) ask(ctx context.Context, name string, op byte, build func(w *channel.Writer), f *os.File, take func(*channel.Reader, *os.File) error) error {
	p := k.part(name)
	if p == nil {
		return channel.ErrGone
	}
	return p.Ask(ctx, usualPatience, op, build, f, take)
}

// shutdown has all engines drain: transfers may finish until the engine's time for that is over or cut is done.
func (k *keeper) shutdown(cut context.Context) error {
	k.draining.Store(true)
	k.sup.stopping()
	return k.shutEngines(cut)
}

// shutEngine has an engine drain and waits until it has ended.
func (k *keeper) shutEngine(cut context.Context, engine *engineProcess) error {
	background := context.Background()
	err := engine.Ask(background, usualPatience, tellDrain, nil, nil, nil)
	late := time.NewTimer(k.current().drain + engineGrace)
	defer late.Stop()
	select {
	case <-engine.Ended():
	case <-late.C:
	case <-cut.Done():
		err = engine.Ask(background, usualPatience, tellCut, nil, nil, nil)
		select {
		case <-engine.Ended():
		case <-time.After(usualPatience):
		}
	}
	engine.Kill()
	switch status := engine.Status(); {
	case status == 0:
		return nil
	case status == statusFailed:
		return errCut
	default:
		return errors.Join(errors.New("the engine was killed"), err)
	}
}

// end kills the engines, ends their hands, and kills all other parts.
func (k *keeper) end() {
	k.mu.Lock()
	parts, engines := k.parts, k.engines
	k.parts, k.engines = map[string]*part.Process{}, nil
	k.mu.Unlock()
	for _, e := range engines {
		e.Kill()
	}
	for _, e := range engines {
		<-e.Ended()
		e.hands.end()
	}
	for _, p := range parts {
		p.Kill()
		<-p.Ended()
	}
}

// answer answers the questions of an engine.
func (k *keeper) answer(e *engineProcess, c *channel.Call, w *channel.Writer) (*os.File, error) {
	switch c.Op {
	case askSettings:
		k.telling.Lock()
		defer k.telling.Unlock()
		return k.packedSettings(e)
	case askFile:
		return k.file(c.String())
	case askPort:
		return k.port(e, c, w)
	case askLogin:
		return nil, k.login(e, c, w)
	case askLogout:
		e.hands.logout(c.Uint())
		return nil, nil
	case askLost:
		e.hands.lost(c.Uint())
		return nil, nil
	case askReady:
		k.introduce(c.Ctx)
		k.succeed(c.Ctx, e)
		k.mu.Lock()
		if !k.serving {
			k.serving = true
			close(k.ready)
		}
		k.mu.Unlock()
		if k.left.isTrial() {
			<-c.Ctx.Done() // keeps the engine of a trial from serving
		}
		return nil, nil
	case askReload:
		return packed(k.reload())
	case askEnd:
		k.daemon.end()
		return nil, nil
	case askReport:
		return packed(k.report())
	case askAudit:
		if c.File != nil {
			k.unpacking.Lock()
			defer k.unpacking.Unlock()
		}
		return nil, k.writeAudit(c)
	case askVsftpdLog:
		return nil, k.writeVsftpdLog(c)
	case askBans:
		return packed(keptBans{stateVersion, k.bans.list()})
	case askLookUp:
		return nil, k.addrs(c, w)
	case askMember:
		uid := c.Uint()
		w.Bool(k.socket != nil && k.socket.group >= 0 && isMember(int(uid), k.socket.group))
		return nil, nil
	case askSource:
		return k.activeSource(c)
	case askKept:
		k.unpacking.Lock()
		defer k.unpacking.Unlock()
		return nil, k.keptBans(e, c, w)
	case askEngines:
		k.others(e, w)
		return nil, nil
	case askOther:
		return k.relay(e, c)
	case askTicketKeys:
		k.tickets.write(w)
		return nil, nil
	case askUpgrade:
		return packed(k.upgrade(c.Ctx))
	}
	return nil, errors.ErrUnsupported
}

// introduce connects the engines to the signer, if it lives.
func (k *keeper) introduce(ctx context.Context) {
	k.meeting.Lock()
	defer k.meeting.Unlock()
	s := k.part(partSigner)
	if s == nil {
		return // they are connected when the signer starts
	}
	for _, e := range k.allEngines() {
		socket, err := signer.Attach(ctx, s.Peer)
		if err == nil {
			err = e.Ask(ctx, usualPatience, tellSigner, nil, socket, nil)
			socket.Close()
		}
		if err != nil && ctx.Err() == nil {
			k.log.Warn("the engine can't reach the signer", "pid", e.PID, "err", err)
		}
	}
}

// report describes the state of all parts.
func (k *keeper) report() report {
	k.daemon.mu.Lock()
	r := report{Started: k.startedAt, Configuration: k.last}
	k.daemon.mu.Unlock()
	r.Processes = append(r.Processes, systemProcess{Part: "keeper", PID: os.Getpid(), UID: os.Geteuid()})
	k.mu.Lock()
	for _, name := range []string{partSigner, partClerk} {
		if p := k.parts[name]; p != nil {
			r.Processes = append(r.Processes, systemProcess{Part: name, PID: p.PID, UID: k.rights.UID, Sandbox: k.started.confines()})
		}
	}
	var all []systemProcess
	for _, e := range slices.Backward(k.engines) {
		r.Processes = append(r.Processes, systemProcess{Part: partEngine, PID: e.PID, UID: k.rights.UID, Retired: moment(e.retired), Sandbox: k.started.confines()})
		all = append(all, e.hands.report()...)
	}
	r.Upgrade = k.failed
	k.mu.Unlock()
	slices.SortFunc(all, func(a, b systemProcess) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), cmp.Compare(a.PID, b.PID))
	})
	r.Processes = append(r.Processes, all...)
	return r
}
