package main

import (
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/tally"
)

// usages has the counts of what is stored in each home with a quota and a hand. All hands of a home share them: those
// of several engines, and those of before and after a reload. Methods may be called concurrently.
type usages struct {
	mu     sync.Mutex
	tables map[string]*tally.Table // by home
}

// enterUsage gives a hand a place in the counts of its home, and tells the engine.
func (hs *hands) enterUsage(ctx context.Context, h *handProcess) error {
	f, err := hs.k.usages.enter(h)
	if err != nil {
		return err
	}
	defer f.Close()
	return hs.engine.Ask(ctx, usualPatience, tellUsage, func(w *channel.Writer) { w.Uint(h.id); w.Uint(uint64(h.counts)) }, f, nil)
}

func (u *usages) enter(h *handProcess) (f *os.File, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.tables[h.at.dir]
	if t == nil {
		if t, err = tally.NewTable(); err != nil {
			return nil, err
		}
		u.add(h.at.dir, t)
	}
	h.counts, f, err = t.Enter()
	return f, err
}

// add adds a table. The caller holds mu.
func (u *usages) add(home string, t *tally.Table) {
	if u.tables == nil {
		u.tables = map[string]*tally.Table{}
	}
	u.tables[home] = t
}

// leave gives the place of a hand back that has ended.
func (u *usages) leave(h *handProcess) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.tables[h.at.dir]
	if t == nil || h.counts < 0 {
		return
	}
	empty := t.Leave(h.counts)
	if h.counts = -1; empty {
		delete(u.tables, h.at.dir)
		t.File.Close()
	}
}

// placeOf returns the place of a hand; -1 for none.
func (u *usages) placeOf(h *handProcess) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return h.counts
}

// leftUsage is the counts of a home.
type leftUsage struct {
	Home string
	FD   int
}

// usages passes the counts of all homes on to the next program.
func (l *leaving) usages(u *usages) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for home, t := range u.tables {
		fd, err := l.number(t.File)
		if err != nil {
			return err
		}
		l.Usages = append(l.Usages, leftUsage{home, fd})
	}
	return nil
}

// adopt takes the counts of homes over.
func (u *usages) adopt(all []leftUsage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range all {
		unix.CloseOnExec(l.FD)
		u.add(l.Home, &tally.Table{File: os.NewFile(uintptr(l.FD), "usage"), Places: map[int]bool{}})
	}
}

// stay notes the place of a hand that was taken over.
func (u *usages) stay(h *handProcess) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t := u.tables[h.at.dir]; t != nil && h.counts >= 0 {
		t.Places[h.counts] = true
	}
}
