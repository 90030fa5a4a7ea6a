package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"path"
	"sync"
)

// Quota bounds what may be stored. A negative number is an error.
type Quota struct {
	// Bytes is the total size of all files. Zero stores nothing but empty
	// files, and no file at all by way of the server, which asks CheckStore:
	// a limit that was forgotten or computed wrongly is never an open door.
	// math.MaxInt64 is no limit.
	Bytes int64

	// Files is the number of files. Zero leaves the number open.
	Files int64

	// FileSize is the size of one file. Zero leaves it to Bytes. Uploads to one
	// file at once don't exceed FileSize together, unless an FS of another package
	// writes in place and lets several uploads write into one file.
	FileSize int64
}

// Limited is an FS with a quota. It comes from [Limit] or [LimitFrom]. All methods
// may be called concurrently.
//
// Bytes of an upload count as they are written, so uploads that run at once can't exceed
// the quota together: a Write beyond the quota is ErrQuota. A file that is replaced
// counts until Commit, and an upload that is cut gives back what it counted. Bytes kept
// by Append and Offset count once. Space is what is left, or what fsys has if that is
// less.
//
// All that is stored must go through this one value: give every session of a
// user the same. With [LimitTogether] several values count together.
// Changes made by another way count after [Limited.Measure].
//
// A change of a name waits for other changes of that name, and a change of a directory
// for changes below the directory, as long as the context lasts. The Writes of uploads
// wait for nothing. So Commit of an FS of another package must not wait for the end of
// another upload that the FS has let begin.
//
// An open upload takes no more of a [Dir] than the bytes that it brought, which
// count. What a commit copies for a moment (what is kept of the old file, or what
// is appended) does not count: the disk needs that much more room than Bytes.
//
// A file can't be removed while it is being uploaded; neither the file nor a
// directory above it can be renamed: [fs.ErrPermission], code 450. Symbolic links
// can't be made, because two names for one file would make the count wrong. For
// the same reason an FS that has links must be a [LinkReader], and the FileInfo of
// an FS that takes several names for one file, as Windows does, a [FileID].
type Limited struct {
	fsys  FS
	quota Quota

	usage Usage     // nil unless others count together with this one
	locks lockTable // of names, held while the FS gives them to files or takes them away

	mu       sync.Mutex
	active   map[string]*stored
	uploads  map[*limitUpload]struct{}
	used     count // stored; not used with usage
	reserved count // by uploads in progress of this Limited
	told     count // what usage was told of reserved
}

// count is what a quota bounds.
type count struct{ bytes, files int64 }

// Limit puts a quota on an FS. It walks the tree to measure what is stored already, until
// ctx ends; [LimitFrom] walks nothing. If more than the quota is stored already, that is
// no error, but nothing can be added until enough is removed.
func Limit(ctx context.Context, fsys FS, q Quota) (*Limited, error) {
	l, err := LimitFrom(fsys, q, 0, 0)
	if err != nil {
		return nil, err
	}
	if err := l.Measure(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// LimitFrom puts a quota on an FS in which so many bytes and files are known to be stored,
// for instance because a database keeps what [Limited.Used] returned last. LimitFrom asks
// the FS nothing, so a login costs no walk. If the numbers are too low, as much as they
// lack can be stored beyond the quota; [Limited.Measure] sets them right at any time. A
// negative number is an error.
func LimitFrom(fsys FS, q Quota, bytes, files int64) (*Limited, error) {
	var errs []error
	if fsys == nil {
		errs = append(errs, errors.New("driver: limit: FS is nil"))
	}
	for _, n := range []struct {
		name  string
		value int64
	}{{"Bytes", q.Bytes}, {"Files", q.Files}, {"FileSize", q.FileSize}, {"bytes stored", bytes}, {"files stored", files}} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("driver: limit: %s is %d", n.name, n.value))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Limited{
		fsys: fsys, quota: q, used: count{bytes, files},
		active:  make(map[string]*stored),
		uploads: make(map[*limitUpload]struct{}),
	}, nil
}

// Used reports the bytes and the number of files that count now, uploads in progress
// included. When there are no uploads, the numbers are those that [LimitFrom] may begin
// with next time.
func (l *Limited) Used() (bytes, files int64) {
	l.mu.Lock()
	defer l.unlock()
	used, reserved := l.totals()
	return used.bytes + reserved.bytes, used.files + reserved.files
}

// Measure walks the tree and counts anew. Changes wait until it is done. During uploads
// it fails with [fs.ErrPermission], because it can't know how much of them it sees. On
// any error the old count stays.
func (l *Limited) Measure(ctx context.Context) error {
	unlock, err := l.lock(ctx, ".")
	if err != nil {
		return fmt.Errorf("driver: measure: %w", err)
	}
	defer unlock()
	if l.uploading() {
		return fmt.Errorf("driver: measure during uploads: %w", fs.ErrPermission)
	}
	var c count
	for dirs := []string{"."}; len(dirs) > 0; {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		for fi, err := range l.fsys.List(ctx, dir) {
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return fmt.Errorf("driver: measure: %w", err)
			case fi.IsDir():
				dirs = append(dirs, path.Join(dir, fi.Name()))
			case fi.Mode().IsRegular():
				c.bytes, c.files = c.bytes+fi.Size(), c.files+1
			}
		}
	}
	l.mu.Lock()
	defer l.unlock()
	used, _ := l.totals()
	l.count(c.minus(used))
	return nil
}

// lock waits until no other change of the names is under way, and no longer than
// ctx lasts, as the FS may hang in the other change. The root excludes all changes.
func (l *Limited) lock(ctx context.Context, names ...string) (unlock func(), err error) {
	keys := shareAbove("", names...)
	for _, name := range names {
		keys[name] = false
	}
	return l.lockKeys(ctx, keys)
}

func (l *Limited) uploading() bool {
	l.mu.Lock()
	defer l.unlock()
	return len(l.uploads) > 0 || l.usage != nil && l.usage.Uploading(".")
}

// adjust changes what counts as stored.
func (l *Limited) adjust(change count) {
	l.mu.Lock()
	defer l.unlock()
	l.count(change)
}

// count changes what counts as stored. If LimitFrom was given too low a usage, the count
// stops at zero: below zero, every file that is removed would make room for two. mu is
// held.
func (l *Limited) count(d count) {
	if l.usage != nil {
		l.usage.Store(d.bytes, d.files)
		return
	}
	l.used.add(d)
	l.used = count{max(l.used.bytes, 0), max(l.used.files, 0)}
}

// left returns what may still be reserved. mu is held.
func (l *Limited) left() count { return l.leftWith(0) }

// leftWith returns what could be reserved if so many of the stored bytes were gone. mu is held.
func (l *Limited) leftWith(room int64) count {
	used, reserved := l.totals()
	left := count{l.quota.Bytes - (used.bytes - min(room, used.bytes)) - reserved.bytes, math.MaxInt64}
	if l.quota.Files > 0 {
		left.files = l.quota.Files - used.files - reserved.files
	}
	return count{max(left.bytes, 0), max(left.files, 0)}
}

func (c *count) add(d count) { c.bytes, c.files = c.bytes+d.bytes, c.files+d.files }

func (c count) minus(d count) count { return count{c.bytes - d.bytes, c.files - d.files} }

// Stat describes a file.
func (l *Limited) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	return l.fsys.Stat(ctx, name)
}

// List yields the entries of a directory.
func (l *Limited) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return l.fsys.List(ctx, name)
}

// Open opens a file.
func (l *Limited) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	return l.fsys.Open(ctx, name, offset)
}
