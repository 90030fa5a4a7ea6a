//go:build linux

package tally

import (
	"context"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// locks are locks of names against other processes. Each name stands for two bytes of the file, which need not exist:
// one is locked during a change, and the other during an upload. Two names may have the same bytes, very rarely, and
// wait for each other then.
type locks struct {
	f *os.File

	mu   sync.Mutex
	held map[int64]*holders // by the byte
}

// holders counts who has a lock in this process, whose locks the system takes for one.
type holders struct{ shared, alone int }

// whole is the byte that Measure locks.
const whole = 0

// byteOf returns the byte of a name for changes. The next one is that for uploads.
func byteOf(name string) int64 {
	h := fnv.New64a()
	io.WriteString(h, name)
	return size + int64(h.Sum64()>>3)*2 // below the greatest offset, whatever the sum
}

// above returns a name and the directories above it.
func above(name string) (names []string) {
	for ; name != "." && name != "/"; name = path.Dir(name) {
		names = append(names, name)
	}
	return append(names, ".")
}

// lockPoll is how often a lock is tried that another process has.
const lockPoll = 2 * time.Millisecond

// Lock implements driver.Usage.
func (l *locks) Lock(ctx context.Context, shared map[string]bool) (unlock func(), err error) {
	var undo []func()
	unlock = func() {
		for _, u := range undo {
			u()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(shared)) {
		at, share := byteOf(name), shared[name]
		if err := l.lock(ctx, at, share); err != nil {
			unlock()
			return nil, err
		}
		undo = append(undo, func() { l.unlock(at, share) })
	}
	return unlock, nil
}

// Upload implements driver.Usage.
func (l *locks) Upload(names ...string) (release func(), err error) {
	var held []int64
	release = func() {
		for _, at := range held {
			l.unlock(at, true)
		}
	}
	for _, name := range names {
		for _, dir := range above(name) {
			at := byteOf(dir) + 1
			if got, err := l.try(at, true); err != nil || !got {
				release()
				return nil, err
			}
			held = append(held, at)
		}
	}
	return release, nil
}

// Uploading implements driver.Usage.
func (l *locks) Uploading(name string) bool {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: byteOf(name) + 1, Len: 1}
	err := control(l.f, func(fd int) error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock) })
	return err != nil || lock.Type != unix.F_UNLCK
}

// lock waits until no other process has a lock, and takes it.
func (l *locks) lock(ctx context.Context, at int64, shared bool) error {
	for {
		if got, err := l.try(at, shared); got || err != nil {
			return err
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// try takes a lock unless another process has it.
func (l *locks) try(at int64, shared bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[at]
	if h == nil {
		h = &holders{}
	}
	next := *h
	next.add(shared, 1)
	got, err := l.set(at, h.kind(), next.kind())
	if got {
		*h = next
		l.held[at] = h
	}
	return got, err
}

// unlock undoes one lock.
func (l *locks) unlock(at int64, shared bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[at]
	was := h.kind()
	h.add(shared, -1)
	l.set(at, was, h.kind())
	if h.kind() == unix.F_UNLCK {
		delete(l.held, at)
	}
}

// set changes a lock of this process, and reports whether no other process stands against that.
func (l *locks) set(at int64, was, is int16) (bool, error) {
	if was == is {
		return true, nil
	}
	err := control(l.f, func(fd int) error {
		return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: is, Start: at, Len: 1})
	})
	if err == unix.EAGAIN || err == unix.EACCES {
		return false, nil
	}
	return err == nil, err
}

func (h *holders) add(shared bool, n int) {
	if shared {
		h.shared += n
	} else {
		h.alone += n
	}
}

// kind returns which lock of the file this process needs.
func (h *holders) kind() int16 {
	switch {
	case h.alone > 0:
		return unix.F_WRLCK
	case h.shared > 0:
		return unix.F_RDLCK
	}
	return unix.F_UNLCK
}
