package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/sallyport/sallyport/driver"
)

// homes holds the directories of users. Each is open while a session uses it, and all who share it share its quota.
type homes struct {
	ctx    context.Context // the daemon's
	checks *checks

	buckets bucketProcesses

	mu   sync.Mutex
	open map[place]*home
}

// place is a directory and the settings that hold for its files.
type place struct {
	dir     string // the home, or the root that it is in; empty if there are only folders
	home    string // the home, if dir is a root that it is in; otherwise empty
	uploads uploads
	umask   umask
	quota   quota
	rules   fileRules
	as      string // the system user whose rights files are touched with; empty for the server's own
	session string // the user whose session PAM opens; empty for none
	check   string // what looks at uploads, see checkOf; empty for none
	folders string // the directories besides dir, see foldersOf; empty for none
	buckets string // see bucketsOf; empty for none
	store   string // of a bucket, which is no directory, the text of the store; empty for others
}

// home is an open place.
type home struct {
	users  int // guarded by homes.mu
	opened func() error
	dir    *driver.Dir
	files  driver.FS // dir, under the quota if there is one
}

// newHomes returns the homes of a daemon. bucketHelper returns the path of the program that reaches buckets.
func newHomes(ctx context.Context, log *slog.Logger, bucketHelper func() string) *homes {
	return &homes{ctx: ctx, checks: newChecks(runProgram, log), buckets: bucketProcesses{helper: bucketHelper, log: log}, open: map[place]*home{}}
}

// keep has the served directory, if there is one, open until done is called.
func (hs *homes) keep(s *settings) (done func(), err error) {
	if s.dir == "" {
		return func() {}, nil
	}
	_, done, err = hs.use(s.place(&account{}))
	if err != nil {
		return func() {}, s.told("dir", err)
	}
	return done, nil
}

// use returns the home of a place, which it opens for the first user. done gives it back.
func (hs *homes) use(at place) (h *home, done func(), err error) {
	hs.mu.Lock()
	h = hs.open[at]
	if h == nil {
		h = &home{}
		h.opened = sync.OnceValue(func() error { return h.enter(hs.ctx, at, hs.checks) })
		hs.open[at] = h
	}
	h.users++
	hs.mu.Unlock()
	done = sync.OnceFunc(func() { hs.leave(at, h) })
	if err := h.opened(); err != nil {
		done()
		return nil, nil, err
	}
	return h, done, nil
}

// enter opens the directory, and measures for the quota what is stored there.
func (h *home) enter(ctx context.Context, at place, checks *checks) (err error) {
	if h.dir, err = driver.OpenDir(at.dir); err != nil {
		return err
	}
	if at.uploads == uploadsInPlace {
		h.dir.Uploads = driver.InPlace
	}
	at.rules.applyTo(h.dir, at.umask)
	h.files = h.dir
	if at.check != "" {
		h.files = driver.Inspect(h.dir, checks.inspect(at))
	}
	if at.quota.set {
		h.files, err = driver.Limit(ctx, h.files, driver.Quota{Bytes: at.quota.bytes})
	}
	return err
}

func (hs *homes) leave(at place, h *home) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if h.users--; h.users > 0 {
		return
	}
	delete(hs.open, at)
	if h.dir != nil {
		h.dir.Close()
	}
}

// login returns the files of an account. It keeps the home and the folders open until ctx ends with the logout.
func (hs *homes) login(ctx context.Context, a *account, at place) (driver.FS, error) {
	at, buckets := at.apart()
	roots := map[string]driver.FS{}
	for _, b := range buckets {
		files, done, err := hs.buckets.use(b.Store)
		if err != nil {
			return nil, fmt.Errorf("%s of the user can't be used: %w", inWords(b.Name), err)
		}
		context.AfterFunc(ctx, done)
		roots[b.Name] = fileRights{ReadOnly: b.ReadOnly}.applyTo(files)
	}
	for _, r := range at.roots() {
		h, done, err := hs.use(at.only(r))
		if err != nil {
			return nil, fmt.Errorf("%s of the user can't be used: %w", inWords(r.Name), err)
		}
		context.AfterFunc(ctx, done)
		roots[r.Name] = fileRights{ReadOnly: r.ReadOnly}.applyTo(h.files)
	}
	files, err := tree(roots)
	if err != nil {
		return nil, err
	}
	return a.fileRights().applyTo(files), nil
}
