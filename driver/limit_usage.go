package driver

import (
	"context"
	"errors"
)

// Usage counts what several [Limited] store in the same files, so that one quota bounds all of
// them, in other processes, too. Each Limited has a Usage of its own, and these know one another.
// All methods may be called concurrently. Names are those of the FS, which has to be the same for
// all.
type Usage interface {
	// Store adds to what is stored, which can't fall below zero, and returns what is stored then.
	Store(bytes, files int64) (allBytes, allFiles int64)

	// Reserve says how much the uploads of this Limited have reserved in all, in place of what
	// was said before, and returns how much those of all have. Of two that reserve at the same
	// time at least one has to see what the other does.
	Reserve(bytes, files int64) (allBytes, allFiles int64)

	// Lock waits until ctx ends until no other has locked the names, which are mapped to whether
	// they are shared with others who share them. The calls of one Limited don't wait for each
	// other.
	Lock(ctx context.Context, shared map[string]bool) (unlock func(), err error)

	// Upload says that an upload to a file begins, by its names. release says that it has ended.
	Upload(names ...string) (release func(), err error)

	// Uploading reports whether another has an upload to a file, or to one below a directory.
	Uploading(name string) bool
}

// LimitTogether puts a quota on an FS, and counts together with others. It asks the FS nothing:
// one of them has to call [Limited.Measure] before anything is stored. While one has an upload to
// a file, the others can't begin one to it: [fs.ErrPermission], code 450. At the edge of the quota
// two that store at once may both be refused.
func LimitTogether(fsys FS, q Quota, with Usage) (*Limited, error) {
	l, err := LimitFrom(fsys, q, 0, 0)
	if err == nil && with == nil {
		err = errors.New("driver: limit: Usage is nil")
	}
	if err != nil {
		return nil, err
	}
	l.usage = with
	return l, nil
}

// totals returns what is stored, and what the uploads of all have reserved. mu is held.
func (l *Limited) totals() (used, reserved count) {
	if l.usage == nil {
		return l.used, l.reserved
	}
	used.bytes, used.files = l.usage.Store(0, 0)
	return used, l.tell()
}

// tell tells the others what the uploads of this one have reserved. mu is held.
func (l *Limited) tell() (all count) {
	l.told = l.reserved
	all.bytes, all.files = l.usage.Reserve(l.reserved.bytes, l.reserved.files)
	return all
}

// unlock gives mu back. It tells the others only then that less is reserved, after what has become
// of it: bytes that are stored count without a gap.
func (l *Limited) unlock() {
	if l.usage != nil && l.told != l.reserved {
		l.tell()
	}
	l.mu.Unlock()
}

// beyond reports whether c, which was just reserved, is too much since another has reserved at the
// same time. mu is held.
func (l *Limited) beyond(c count) bool {
	if l.usage == nil {
		return false
	}
	used, reserved := l.totals()
	return c.bytes > 0 && used.bytes+reserved.bytes > l.quota.Bytes ||
		c.files > 0 && l.quota.Files > 0 && used.files+reserved.files > l.quota.Files
}

// elsewhere reports whether another has an upload to one of the names, or below it.
func (l *Limited) elsewhere(names ...string) bool {
	for _, name := range names {
		if l.usage != nil && l.usage.Uploading(name) {
			return true
		}
	}
	return false
}

// lockKeys takes locks of names, each shared or not, among the calls of this one and the others.
func (l *Limited) lockKeys(ctx context.Context, shared map[string]bool) (unlock func(), err error) {
	unlock, err = l.locks.all(ctx, shared)
	if err != nil || l.usage == nil {
		return unlock, err
	}
	unlockOthers, err := l.usage.Lock(ctx, shared)
	if err != nil {
		unlock()
		return nil, err
	}
	unlockHere := unlock
	return func() { unlockOthers(); unlockHere() }, nil
}
