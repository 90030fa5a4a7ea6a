package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

const (
	handIdle   = 30 * time.Second // how long a hand without sessions is kept
	handGrace  = 5 * time.Second  // how long a hand may take to end
	handStarts = 8                // how many hands may start at once
)

// hands are the processes that have the rights of users, one for each place. Each engine has hands of its own.
type hands struct {
	k        *keeper
	checks   *checks
	engine   *engineProcess
	starting chan struct{} // holds a token for each hand that starts

	mu    sync.Mutex
	last  uint64 // the id of the hand started last
	place map[place]*handProcess
	all   map[uint64]*handProcess // includes hands that get no more sessions
}

// handProcess is a hand: the process that touches the files of a place.
type handProcess struct {
	id uint64
	at place
	as identity

	begun chan struct{} // is closed when the engine has the hand, or err is set
	err   error

	// Guarded by hands.mu.
	process  *part.Process // nil before the start
	session  *pamSession   // nil for none
	counts   int           // the place in the counts of the home; -1 without a quota
	sessions int           // logins that wait for the hand or use it
	idle     *time.Timer
}

func newHands(e *engineProcess) *hands {
	return &hands{k: e.k, engine: e, checks: newChecks(e.k.run, e.k.log), starting: make(chan struct{}, handStarts), place: map[place]*handProcess{}, all: map[uint64]*handProcess{}}
}

// login returns the hand of a place for a session, and starts one if there is none. logout ends the session. If a hand
// that starts is killed meanwhile, another is started, once.
func (hs *hands) login(ctx context.Context, at place, as identity) (*handProcess, error) {
	h, err := hs.join(ctx, at, as)
	if errors.Is(err, channel.ErrGone) {
		h, err = hs.join(ctx, at, as)
	}
	if errors.Is(err, channel.ErrGone) {
		err = errTryAgain(err)
	}
	return h, err
}

func (hs *hands) join(ctx context.Context, at place, as identity) (*handProcess, error) {
	hs.mu.Lock()
	h := hs.place[at]
	if h == nil {
		hs.last++
		h = &handProcess{id: hs.last, at: at, as: as, begun: make(chan struct{}), counts: -1}
		hs.place[at], hs.all[h.id] = h, h
		go hs.start(h)
	}
	h.sessions++
	if h.idle != nil {
		h.idle.Stop()
	}
	hs.mu.Unlock()
	var err error
	select {
	case <-h.begun:
		err = h.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		hs.logout(h.id)
		return nil, err
	}
	return h, nil
}

// start starts a hand and passes it to the engine.
func (hs *hands) start(h *handProcess) {
	hs.starting <- struct{}{}
	defer func() { <-hs.starting }()
	p, err := hs.begin(h)
	if err == nil && !hs.wanted(h) {
		p.Kill()
		err = channel.ErrGone
	}
	if err != nil {
		h.err = err
		hs.remove(h)
	} else {
		go hs.watch(h, p)
	}
	close(h.begun)
}

// wanted reports whether sessions can still get a hand: its engine has not ended meanwhile.
func (hs *hands) wanted(h *handProcess) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.place[h.at] == h
}

func (hs *hands) begin(h *handProcess) (*part.Process, error) {
	ctx := context.Background()
	rights, err := hs.rights(h)
	if err != nil {
		return nil, err
	}
	mine, its, err := channel.Pair()
	if err != nil {
		return nil, err
	}
	defer mine.Close()
	session := hs.session(h.at)
	rights.By = session.by()
	p, err := hs.k.starter.Start(h.part(), rights, hs.answerHand(h), its)
	if err != nil {
		session.close()
		return nil, err
	}
	go session.closeAfter(p)
	hs.mu.Lock()
	h.process, h.session = p, session
	hs.mu.Unlock()
	what, err := h.at.forHand()
	if err == nil {
		err = p.Ask(ctx, usualPatience, tellOpen, func(w *channel.Writer) { w.String(what) }, nil, nil)
	}
	if err == nil && h.at.quota.set {
		err = hs.enterUsage(ctx, h)
	}
	if err == nil {
		err = hs.engine.Ask(ctx, usualPatience, tellHand, func(w *channel.Writer) { w.Uint(h.id); w.Bool(h.at.store != "") }, mine, nil)
	}
	if err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// rights returns the rights of the process of a hand.
func (hs *hands) rights(h *handProcess) (part.Rights, error) {
	r := part.Rights{UID: h.as.uid, GID: h.as.gid, Groups: h.as.groups, Sandbox: hs.k.started.sandboxOf(h.part(), h.at.roots()...), Light: true}
	if h.at.store == "" {
		return r, nil
	}
	st, err := objects.Parse(h.at.store)
	if err != nil {
		return r, err
	}
	port, err := st.Port()
	r.Light, r.Program = false, hs.k.current().bucketHelper()
	r.Sandbox.NarrowTo(port)
	return r, err
}

// part returns which part a hand is.
func (h *handProcess) part() string {
	if h.at.store != "" {
		return partBucket
	}
	return partHand
}

// forHand returns what a hand is told of its place.
func (p place) forHand() (string, error) {
	if p.store != "" {
		return p.store, nil
	}
	where := handPlace{Roots: p.roots(), Home: p.home, InPlace: p.uploads == uploadsInPlace, Checked: p.check != "", Rules: p.rules, Umask: p.umask.bits, Umasked: p.umask.set}
	text, err := json.Marshal(where)
	return string(text), err
}

// describe describes the process of a hand.
func (h *handProcess) describe() systemProcess {
	p := systemProcess{Part: h.part(), PID: h.process.PID, UID: h.as.uid, Dir: h.at.dir, Folders: h.at.folderDirs(), Users: h.sessions}
	if h.at.store != "" {
		if st, err := objects.Parse(h.at.store); err == nil {
			p.Bucket = st.String()
		}
	}
	return p
}

// answerBucket answers the questions of the hand of a bucket.
func (k *keeper) answerBucket(c *channel.Call, w *channel.Writer) (*os.File, error) {
	name := c.String()
	if c.Op != objects.AskResolve || c.End() != nil {
		return nil, channel.ErrMessage
	}
	return nil, k.resolve(c, w, name)
}

// watch waits until a hand has ended and forgets it. A status of 0 is that of a hand whose engine has ended first.
func (hs *hands) watch(h *handProcess, p *part.Process) {
	<-p.Ended()
	if hs.remove(h) && p.Status() != 0 {
		about := h.describe()
		hs.k.log.Warn("a hand has ended", "of", about.files(), "uid", h.as.uid, "pid", p.PID, "status", p.Status())
	}
}

// remove forgets a hand, and reports whether sessions could still get the hand.
func (hs *hands) remove(h *handProcess) (inUse bool) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	delete(hs.all, h.id)
	hs.k.usages.leave(h)
	return hs.retire(h)
}

// retire keeps further sessions from getting a hand, and reports whether they could until now. The caller holds mu.
func (hs *hands) retire(h *handProcess) (inUse bool) {
	if h.idle != nil {
		h.idle.Stop()
	}
	inUse = hs.place[h.at] == h
	if inUse {
		delete(hs.place, h.at)
	}
	return inUse
}

// logout ends a session of a hand. A hand without sessions is ended after handIdle.
func (hs *hands) logout(id uint64) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.all[id]
	if h == nil || h.sessions == 0 {
		return
	}
	if h.sessions--; h.sessions > 0 {
		return
	}
	if h.idle == nil {
		h.idle = time.AfterFunc(handIdle, func() { hs.expire(h) })
		return
	}
	h.idle.Reset(handIdle)
}

// expire ends a hand that no session uses.
func (hs *hands) expire(h *handProcess) {
	hs.k.quiet.RLock()
	defer hs.k.quiet.RUnlock()
	hs.mu.Lock()
	if h.sessions > 0 || !hs.retire(h) {
		hs.mu.Unlock()
		return
	}
	p := h.process
	hs.mu.Unlock()
	if p == nil {
		return
	}
	hs.engine.Ask(context.Background(), usualPatience, tellRetired, func(w *channel.Writer) { w.Uint(h.id) }, nil, nil)
	go killLate(p)
}

// lost ends a hand that the engine has given up, since the hand does not answer or has ended.
func (hs *hands) lost(id uint64) {
	hs.mu.Lock()
	h := hs.all[id]
	if h == nil || h.process == nil {
		hs.mu.Unlock()
		return
	}
	inUse := hs.retire(h)
	hs.mu.Unlock()
	if inUse {
		about := h.describe()
		hs.k.log.Warn("a hand does not answer, or has ended", "of", about.files(), "uid", h.as.uid, "pid", h.process.PID)
	}
	go killLate(h.process)
}

// killLate kills a process that has not ended by itself within handGrace.
func killLate(p *part.Process) {
	select {
	case <-p.Ended():
	case <-time.After(handGrace):
		p.Kill()
	}
}

// drop has all hands end after their engine has ended. Hands first remove what uploads have left unfinished.
func (hs *hands) drop() (all []*part.Process) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range hs.all {
		hs.retire(h)
		if h.process != nil {
			all = append(all, h.process)
			go killLate(h.process)
		}
	}
	return all
}

// end ends all hands and waits until they are gone, for handGrace at most.
func (hs *hands) end() {
	late := time.After(handGrace)
	for _, p := range hs.drop() {
		select {
		case <-p.Ended():
		case <-late:
			return // the end of this process kills the rest
		}
	}
}

// report describes the processes of the hands.
func (hs *hands) report() (all []systemProcess) {
	sandboxes := hs.k.started.confines()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range hs.all {
		if h.process != nil {
			p := h.describe()
			p.Sandbox = sandboxes
			all = append(all, p)
		}
	}
	return all
}

// every returns all hands, those that get no more sessions included.
func (hs *hands) every() []*handProcess {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return slices.Collect(maps.Values(hs.all))
}

// settled waits until every hand has begun or failed to.
func (hs *hands) settled(ctx context.Context) error {
	for _, h := range hs.every() {
		select {
		case <-h.begun:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
