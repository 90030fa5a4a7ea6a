package driver

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
)

// restrictions is shared by all values of Restrict, since each of the sessions that
// share files has one of its own. It holds the uploads under way, and locks of names
// that are asked about and then given or taken away: between the question and the
// operation a name must not come to mean another file.
var restrictions struct {
	locks   lockTable
	mu      sync.Mutex
	uploads map[*restrictedUpload]struct{}
}

// treeOf returns a key that all values of Restrict around one FS have in common. An FS
// that is no pointer can't be told from others, so each Restrict around it has a key of
// its own.
func treeOf(fsys FS, r *restricted) string {
	if v := reflect.ValueOf(fsys); v.Kind() == reflect.Pointer {
		return fmt.Sprintf("%T %x ", fsys, v.Pointer())
	}
	return fmt.Sprintf("%T %p ", r, r)
}

// alone locks names of the tree for a change, as lockTable.alone does. After
// lockPatience the error is ErrBusy.
func (r *restricted) alone(ctx context.Context, names ...string) (unlock func(), err error) {
	wait, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	unlock, err = restrictions.locks.alone(wait, r.tree, names...)
	if err != nil && ctx.Err() == nil {
		err = ErrBusy
	}
	return unlock, err
}

// restrictedUpload is an upload that the renaming of a directory may take along.
type restrictedUpload struct {
	Upload
	r    *restricted
	ctx  context.Context // of Store
	opts StoreOptions
	name string // guarded by restrictions.mu
}

// begin registers an upload.
func (r *restricted) begin(ctx context.Context, name string, opts StoreOptions, up Upload) Upload {
	u := &restrictedUpload{Upload: up, r: r, ctx: ctx, name: name, opts: opts}
	restrictions.mu.Lock()
	if restrictions.uploads == nil {
		restrictions.uploads = make(map[*restrictedUpload]struct{})
	}
	restrictions.uploads[u] = struct{}{}
	restrictions.mu.Unlock()
	if from, ok := up.(io.ReaderFrom); ok {
		return &restrictedReaderFrom{u, from}
	}
	return u
}

// restrictedReaderFrom is an upload that can take data from a reader by itself.
type restrictedReaderFrom struct {
	*restrictedUpload
	io.ReaderFrom
}

// Unwrap returns the wrapped upload, whose abilities are used.
func (u *restrictedUpload) Unwrap() Upload { return u.Upload }

// Commit locks the name of an upload that may replace nothing: a rename to that name,
// which looks first whether the name is free, must not come in between. An upload in
// place needs no lock, because it has had the name since Store.
func (u *restrictedUpload) Commit() error {
	if u.opts.Exclusive && !writesInPlace(u.Upload) {
		name := u.now()
		unlock, err := u.r.alone(u.ctx, name)
		if err != nil {
			return fail("commit", name, err)
		}
		defer unlock()
	}
	return u.Upload.Commit()
}

func (u *restrictedUpload) Close(cause error) error {
	defer func() {
		restrictions.mu.Lock()
		defer restrictions.mu.Unlock()
		delete(restrictions.uploads, u)
	}()
	return u.Upload.Close(cause)
}

// now returns the name, which the renaming of a directory may have changed.
func (u *restrictedUpload) now() string {
	restrictions.mu.Lock()
	defer restrictions.mu.Unlock()
	return u.name
}

// askUploadsBelow asks about the names of the uploads that the renaming of a directory
// takes along. SECURITY: like askMoveBelow, because a Dir commits an upload to wherever
// its directory is by then.
func (r *restricted) askUploadsBelow(ctx context.Context, from, to string) error {
	for rest := range r.uploadsBelow(from) {
		if err := r.askMove(ctx, from+rest, to+rest); err != nil {
			return err
		}
	}
	return nil
}

// uploadsBelow returns the uploads below a directory, keyed by the rest of each name
// behind the name of the directory.
func (r *restricted) uploadsBelow(dir string) map[string][]*restrictedUpload {
	below := make(map[string][]*restrictedUpload)
	restrictions.mu.Lock()
	defer restrictions.mu.Unlock()
	for u := range restrictions.uploads {
		if rest, ok := strings.CutPrefix(u.name, dir); ok && strings.HasPrefix(rest, "/") && u.r.tree == r.tree {
			below[rest] = append(below[rest], u)
		}
	}
	return below
}

// moved gives the uploads below a directory their names in the new one.
func (r *restricted) moved(from, to string) {
	for rest, uploads := range r.uploadsBelow(from) {
		restrictions.mu.Lock()
		for _, u := range uploads {
			u.name = to + rest
		}
		restrictions.mu.Unlock()
	}
}
