package driver

import (
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"
)

// The locks of an aferoFS, by name. Whoever changes what has a name holds the lock
// "change" of it alone, and that of each directory above together with others, so
// that none is removed or renamed meanwhile. Only while the name itself changes
// hands "name" is held as well, for which look-ups wait: making the content, which
// may take long, keeps them waiting for nothing. Locks are taken in the order of
// their keys, so that nobody waits for ever; "change" sorts before "name".
const (
	changeLock = "change "
	nameLock   = "name "
)

// alone locks names for a change. The function it returns unlocks them.
func (a *aferoFS) alone(ctx context.Context, names ...string) (unlock func(), err error) {
	shared := make(map[string]bool)
	for _, p := range names {
		for dir := p; dir != parentOf(dir); {
			dir = parentOf(dir)
			shared[changeLock+dir] = true
		}
	}
	for _, p := range names {
		shared[changeLock+p] = false
	}
	return a.locks.all(ctx, shared)
}

// hands locks names while something takes or leaves them.
func (a *aferoFS) hands(ctx context.Context, names ...string) (unlock func(), err error) {
	shared := make(map[string]bool)
	for _, p := range names {
		shared[nameLock+p] = false
	}
	return a.locks.all(ctx, shared)
}

// look waits until a name doesn't change hands. The function it returns must be
// called after the look.
func (a *aferoFS) look(ctx context.Context, p string) (unlock func(), err error) {
	return a.locks.all(ctx, map[string]bool{nameLock + p: true})
}

// parentOf is the directory of a name of the file system, itself for the root.
func parentOf(p string) string { return path.Dir(filepath.ToSlash(p)) }

// all takes several locks, each shared or not.
func (t *lockTable) all(ctx context.Context, shared map[string]bool) (unlock func(), err error) {
	var held []string
	unlock = func() {
		for _, key := range held {
			t.unlock(key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(shared)) {
		if err := t.lock(ctx, key, shared[key]); err != nil {
			unlock()
			return nil, err
		}
		held = append(held, key)
	}
	return unlock, nil
}
