// Package tempdir makes directories in the folder for temporary files that don't
// stay there for ever when the process is killed: each is locked while the process
// lives, and the next process removes those that are not.
package tempdir

import (
	"os"
	"path/filepath"
	"sync"
)

// swept are the prefixes for which this process has removed leftovers.
var swept sync.Map

// Make makes a directory whose name begins with prefix, which must be nobody
// else's, and returns it with a function that removes it. The first call for a
// prefix removes what processes of the same user that were killed have left.
func Make(prefix string) (dir string, remove func() error, err error) {
	if _, done := swept.LoadOrStore(prefix, nil); !done {
		sweep(prefix)
	}
	for {
		dir, err := os.MkdirTemp("", prefix)
		if err != nil {
			return "", nil, err
		}
		unlock, taken := lock(dir)
		if taken { // a sweep of another process was quicker
			continue
		}
		return dir, func() error {
			defer unlock()
			return os.RemoveAll(dir)
		}, nil
	}
}

// sweep removes directories that nobody has locked. What can't be removed stays.
func sweep(prefix string) {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, dir := range found {
		if unlock, ok := abandoned(dir); ok {
			_ = os.RemoveAll(dir)
			unlock()
		}
	}
}
