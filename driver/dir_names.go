package driver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// holdNames locks the files of one or two names before the names are changed. With
// InPlace it waits ten milliseconds and then goes on without a lock: an upload holds
// its file as long as the client takes, and the file may be removed and renamed
// meanwhile.
func (d *Dir) holdNames(ctx context.Context, names ...string) ([]*heldFile, error) {
	if d.Uploads == InPlace {
		wait, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		held, err := d.lockInOrder(wait, names)
		if err != nil && ctx.Err() == nil {
			return nil, nil
		}
		return held, err
	}
	return d.lockInOrder(ctx, names)
}

// lockInOrder locks two files in the order of their keys, so that two calls never wait
// for each other.
func (d *Dir) lockInOrder(ctx context.Context, names []string) ([]*heldFile, error) {
	for {
		held, err := d.tryHoldNames(ctx, names)
		if len(held) < 2 || held[0].key < held[1].key || err != nil {
			return held, err
		}
		releaseAll(held) // a name leads to another file than a moment ago
	}
}

// tryHoldNames locks the files of one or two names, in the order of the keys that the
// files had a moment ago.
func (d *Dir) tryHoldNames(ctx context.Context, names []string) (held []*heldFile, err error) {
	if len(names) == 2 && d.keyOf(names[0]) > d.keyOf(names[1]) {
		names = []string{names[1], names[0]}
	}
	for _, p := range names {
		if len(held) > 0 && held[0].key == d.keyOf(p) {
			break // two names of one file
		}
		h, err := d.hold(ctx, d.root, p, false)
		if h != nil {
			held = append(held, h)
		}
		if errors.Is(err, ErrBusy) || err != nil && ctx.Err() != nil {
			releaseAll(held)
			return nil, err
		}
		// Ignore any other error: the change will meet it, too.
	}
	return held, nil
}

// keyOf returns the key of the file that has a name, empty without one.
func (d *Dir) keyOf(p string) string {
	fi, err := d.root.Lstat(p)
	if err != nil {
		return ""
	}
	return lockKey(fi, d.root, p)
}

// holds reports whether the file that has a name is among those that are locked.
func (d *Dir) holds(held []*heldFile, p string) bool {
	key := d.keyOf(p)
	return slices.ContainsFunc(held, func(h *heldFile) bool { return h.key == key })
}

func releaseAll(held []*heldFile) {
	for _, h := range held {
		h.release()
	}
}

// durably makes a change. With Sync, the directories of the names are on the disk when
// it returns.
func (d *Dir) durably(change func() error, names ...string) error {
	if !d.Sync {
		return change()
	}
	var dirs []*os.Root
	defer func() {
		for _, dir := range dirs {
			dir.Close()
		}
	}()
	for _, p := range names {
		dir, err := d.root.OpenRoot(filepath.Join(filepath.Dir(p), "."))
		if err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	return changeAndSync(change, dirs...)
}

// sameFile reports whether two descriptions are of one file that has not changed.
func sameFile(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && sameNumber(a, b)
}

func sameNumber(a, b fs.FileInfo) bool {
	x, ok1 := a.(FileID)
	y, ok2 := b.(FileID)
	return !ok1 || !ok2 || x.ID() == y.ID()
}
