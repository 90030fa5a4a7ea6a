package driver

import (
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sync"
)

// lockTable is a set of locks by name, each for one writer or several readers.
// Waiting for a lock ends with a context, so a file system that hangs under a
// lock holds up nobody longer than the caller wants.
type lockTable struct {
	mu    sync.Mutex
	locks map[string]*lockState
}

// lockState is one lock of a lockTable; it exists while somebody holds it.
type lockState struct {
	readers int
	writing bool
	changed chan struct{} // closed and replaced when somebody lets go
}

// lock waits for the lock of a name until ctx ends.
func (t *lockTable) lock(ctx context.Context, name string, shared bool) error {
	for {
		changed := t.try(name, shared)
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// try takes the lock and returns nil, or returns a channel that is closed when
// trying again makes sense.
func (t *lockTable) try(name string, shared bool) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.locks[name]
	switch {
	case s == nil:
		s = &lockState{changed: make(chan struct{})}
		if t.locks == nil {
			t.locks = make(map[string]*lockState)
		}
		t.locks[name] = s
	case s.writing || !shared:
		return s.changed
	}
	if shared {
		s.readers++
	} else {
		s.writing = true
	}
	return nil
}

// unlock gives back one lock of a name.
func (t *lockTable) unlock(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.locks[name]
	if s.writing {
		s.writing = false
	} else {
		s.readers--
	}
	if s.readers == 0 {
		delete(t.locks, name)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// alone takes the locks of some names of a tree for a change, and shares the locks
// of the directories above with others, so that no directory above is removed or
// renamed meanwhile. The keys begin with prefix. The function it returns gives them
// back.
func (t *lockTable) alone(ctx context.Context, prefix string, names ...string) (unlock func(), err error) {
	shared := shareAbove(prefix, names...)
	for _, p := range names {
		shared[prefix+p] = false
	}
	return t.all(ctx, shared)
}

// shareAbove returns for lockTable.all the shared locks of the directories above some names.
func shareAbove(prefix string, names ...string) map[string]bool {
	shared := make(map[string]bool)
	for _, p := range names {
		for dir := p; dir != parentOf(dir); {
			dir = parentOf(dir)
			shared[prefix+dir] = true
		}
	}
	return shared
}

// parentOf returns the directory of a name, itself for the root.
func parentOf(p string) string { return path.Dir(filepath.ToSlash(p)) }

// all takes several locks, each shared or not, in the order of their names, so
// that nobody waits for ever.
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
