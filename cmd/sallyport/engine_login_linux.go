package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hand"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/tally"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// Login implements driver.Driver: the keeper judges the login, and says which hand has
// the files.
func (e *engine) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	q := asked(l)
	e.judged.Store(l.Session, ctx)
	defer e.judged.Delete(l.Session)
	var g granted
	err := e.keeper.Ask(ctx, loginPatience, askLogin, q.write, nil, func(r *channel.Reader, _ *os.File) error {
		return json.Unmarshal([]byte(r.String()), &g)
	})
	if errors.Is(err, channel.ErrStuck) || errors.Is(err, channel.ErrTooMany) {
		err = errTryAgain(err)
	}
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		for _, id := range g.hands() {
			e.hands.logout(id)
		}
	})
	a := &driver.Account{Policy: g.Policy, Owner: g.Owner}
	value := g.LoggedIn.value(l)
	roots := map[string]driver.FS{}
	if g.Hand != 0 {
		h := e.hands.find(g.Hand)
		if h == nil {
			return nil, errTryAgain(hand.ErrGone)
		}
		if err := h.open(ctx, g, roots); err != nil {
			return nil, err
		}
		value.hand = h
	}
	for _, b := range g.Buckets {
		h := e.hands.find(b.Hand)
		if h == nil {
			return nil, errTryAgain(errBucketGone)
		}
		roots[b.Name] = fileRights{ReadOnly: b.ReadOnly}.applyTo(h.client)
	}
	files, err := tree(roots)
	if err != nil {
		return nil, err
	}
	a.FS, a.Value = g.fileRights.applyTo(files), value
	return a, nil
}

// NeedsNoPassword implements driver.Passwordless.
func (e *engine) NeedsNoPassword(user string) bool {
	return e.current().noPassword && isAnonymous(user)
}

// isOf reports whether a hand has the files of a session.
func (h *engineHand) isOf(i server.SessionInfo) bool {
	value, _ := i.Value.(loggedIn)
	return value.hand == any(h)
}

// engineHands holds the hands that the keeper has passed to the engine.
type engineHands struct {
	e *engine

	leaving sync.Mutex // lets one logout at a time be told to the keeper

	mu     sync.Mutex
	all    map[uint64]*engineHand
	usages map[uint64]*tally.Usage // of hands that come next
}

// engineHand is a hand, to which sessions pass their work on files. The Value of their
// accounts has it.
type engineHand struct {
	id      uint64
	bucket  bool // the hand has a bucket, and sessions can go on without it
	client  *hand.Client
	usage   *tally.Usage // of the home; nil without a quota
	retired bool         // guarded by engineHands.mu

	opening sync.Mutex
	roots   []driver.FS // the files of each root, nil before the first login; guarded by opening
}

// open adds the files of the roots of the hand to those of an account.
func (h *engineHand) open(ctx context.Context, g granted, to map[string]driver.FS) error {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.roots == nil {
		h.roots = make([]driver.FS, len(g.Roots))
	}
	if len(h.roots) != len(g.Roots) {
		return channel.ErrMessage
	}
	for i, r := range g.Roots {
		if h.roots[i] == nil {
			files, err := h.root(ctx, i, g)
			if err != nil {
				return err
			}
			h.roots[i] = files
		}
		to[r.Name] = fileRights{ReadOnly: r.ReadOnly}.applyTo(h.roots[i])
	}
	return nil
}

// root returns the files of a root, those of the home under its quota. All sessions of the
// hand share them.
func (h *engineHand) root(ctx context.Context, i int, g granted) (driver.FS, error) {
	files := h.client.Root(i)
	if !g.Limited || g.Roots[i].Name != "." {
		return files, nil
	}
	if h.usage == nil {
		return nil, channel.ErrMessage
	}
	l, err := driver.LimitTogether(files, driver.Quota{Bytes: g.Quota}, h.usage)
	if err != nil {
		return nil, err
	}
	return l, h.usage.Measure(ctx, func() error { return l.Measure(ctx) })
}

// count takes over the file with the counts of a home, for the hand of that number.
func (hs *engineHands) count(id uint64, place int, f *os.File) error {
	if f == nil {
		return channel.ErrMessage
	}
	u, err := tally.Open(f, place)
	if err != nil {
		return err
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.usages == nil {
		hs.usages = map[uint64]*tally.Usage{}
	}
	hs.usages[id] = u
	return nil
}

// add takes over the socket of a hand that the keeper has started.
func (hs *engineHands) add(id uint64, bucket bool, f *os.File) error {
	if f == nil {
		return channel.ErrMessage
	}
	patience := hand.DefaultPatience
	if bucket {
		patience = bucketPatience
	}
	client, err := hand.NewClient(f, patience)
	if err != nil {
		return err
	}
	if bucket {
		client.Gone = errBucketGone
	}
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := &engineHand{id: id, bucket: bucket, client: client, usage: hs.usages[id]}
	delete(hs.usages, id)
	if hs.all == nil {
		hs.all = map[uint64]*engineHand{}
	}
	hs.all[id] = h
	go hs.watch(h)
	return nil
}

func (hs *engineHands) find(id uint64) *engineHand {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.all[id]
}

// retire gives up a hand that no session uses.
func (hs *engineHands) retire(id uint64) {
	hs.mu.Lock()
	h := hs.all[id]
	if h != nil {
		h.retired = true
	}
	hs.mu.Unlock()
	if h != nil {
		h.client.Close()
	}
}

// logout tells the keeper that a session of a hand is over. It sends one message at a
// time, since thousands of sessions may end at once.
func (hs *engineHands) logout(id uint64) {
	hs.leaving.Lock()
	defer hs.leaving.Unlock()
	hs.e.keeper.Ask(context.Background(), usualPatience, askLogout, func(w *channel.Writer) { w.Uint(id) }, nil, nil)
}

// watch waits until a hand has ended, and ends the sessions that used it. Those that used
// the hand of a bucket go on.
func (hs *engineHands) watch(h *engineHand) {
	<-h.client.Done()
	hs.mu.Lock()
	delete(hs.all, h.id)
	retired := h.retired
	hs.mu.Unlock()
	if h.usage != nil {
		defer h.usage.Close() // after the uploads
	}
	if retired {
		return
	}
	hs.e.keeper.Ask(context.Background(), usualPatience, askLost, func(w *channel.Writer) { w.Uint(h.id) }, nil, nil)
	if h.bucket {
		return
	}
	<-hs.e.begun
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, _ := hs.e.srv.DisconnectFunc(ctx, h.isOf, hand.ErrGone.Text)
	hs.e.log.Warn("the sessions of a hand that has ended were ended", "hand", h.id, "sessions", n)
}
