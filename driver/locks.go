package driver

import (
	"context"
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
