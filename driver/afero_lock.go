package driver

import (
	"context"
	"path/filepath"
)

// The locks of an aferoFS, by name. Whoever changes what has a name holds the lock
// "change" of the name alone, and shares the lock "change" of each directory above
// with others, so that no directory above is removed or renamed meanwhile. Only
// while the name itself changes hands "name" is held as well. Look-ups wait for
// "name" alone, and so never for the making of the content, which may take long.
// Locks are taken in the order of their keys, so that nobody waits for ever;
// "change" sorts before "name".
//
// Where the file system tells the number of a directory, as one of the system does on Unix, a
// change holds "at" as well, which is the name in the directory of that number: a link may lead
// to the directory, and the file has several names then.
const (
	entryLock  = "at "
	changeLock = "change "
	nameLock   = "name "
)

// alone locks names for a change. The function it returns unlocks them.
func (a *aferoFS) alone(ctx context.Context, names ...string) (unlock func(), err error) {
	keys := shareAbove(changeLock, names...)
	for _, p := range names {
		keys[changeLock+p] = false
		if fi, err := a.stat(filepath.Dir(p)); err == nil && sysID(fi) != "" {
			keys[entryLock+sysID(fi)+"/"+filepath.Base(p)] = false
		}
	}
	return a.locks.all(ctx, keys)
}

// hands locks names while something takes or leaves them.
func (a *aferoFS) hands(ctx context.Context, names ...string) (unlock func(), err error) {
	shared := make(map[string]bool)
	for _, p := range names {
		shared[nameLock+p] = false
	}
	return a.locks.all(ctx, shared)
}

// holdName waits until a name doesn't change hands, and keeps it from that until
// unlock is called.
func (a *aferoFS) holdName(ctx context.Context, p string) (unlock func(), err error) {
	return a.locks.all(ctx, map[string]bool{nameLock + p: true})
}
