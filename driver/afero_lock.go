package driver

import (
	"context"
	"path/filepath"
)

// The locks of an aferoFS, by name. A change of a name holds the lock "change" of the name
// alone, and shares the lock "change" of each directory above with other changes, so that no
// directory above is removed or renamed meanwhile. Only while the name is given to a file or
// taken away, the change holds the lock "name" as well. Look-ups wait for "name" alone, and so
// never for the writing of content, which may take long. Locks are taken in the order of their
// keys, so that no two calls wait for each other; "change" sorts before "name".
//
// Where the file system tells the number of a directory, as OsFs does on Unix, a change holds
// the lock "at" as well, whose key is the number of the directory and the name in it: links may
// lead to the directory, and the file then has several names.
const (
	entryLock  = "at "
	changeLock = "change "
	nameLock   = "name "
)

// alone locks names for a change. unlock gives the locks back.
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

// hands takes the lock "name" of each name alone, while the name is given to a file or taken
// away.
func (a *aferoFS) hands(ctx context.Context, names ...string) (unlock func(), err error) {
	shared := make(map[string]bool)
	for _, p := range names {
		shared[nameLock+p] = false
	}
	return a.locks.all(ctx, shared)
}

// holdName shares the lock "name" of a name: until unlock is called, the name is neither given
// to another file nor taken away.
func (a *aferoFS) holdName(ctx context.Context, p string) (unlock func(), err error) {
	return a.locks.all(ctx, map[string]bool{nameLock + p: true})
}
