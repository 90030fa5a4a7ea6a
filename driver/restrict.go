package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path"
)

// Restrict asks allow before anything is done with fsys: every method of FS and
// every optional ability goes through that one function, so nothing is forgotten.
//
// Allow returns nil if the session may do op with the name, and else the error that the
// client is told: [fs.ErrPermission], [fs.ErrNotExist] for a name that shall not be
// known to exist, or an [*Error] for words of its own. Allow may be called concurrently,
// and must be quick: a listing asks about each entry, and MLSD several times, to tell
// the client its rights to each (CheckOp), without doing anything. A nil allow refuses
// everything with [fs.ErrPermission].
//
// Allow is asked about each name as it is, the root being "."; permission for a
// directory is no permission for what is in it. A rename is asked about under the old
// name and the new one. A directory takes along what is in it, so allow is asked about
// each entry below as well, which takes a walk, and about each upload under way below
// through any Restrict around the same fsys. A symbolic link and its target are both
// asked about.
//
// A session that may store but not replace (OpReplace) can't add to a file either, nor
// rename another file over the old one. Uploads of such a session are Exclusive: if two
// upload at once to one free name, the FS refuses one of the two. The same holds for
// such uploads and renames together, through any Restrict around the same fsys. A rename
// does replace a file that gets the free name at the same moment by a way around
// Restrict, or from a session that may replace.
//
// An entry that OpStat is refused for is left out of listings. An error of allow
// that is no refusal (none of the above, or an [*Error] of code 4xx) ends the
// listing, which would pass for a complete one otherwise.
//
// The names are those that clients use. Where symbolic or hard links give one file
// several names, as is possible in a [Dir], a rule for one of the names says nothing
// about the others: refuse OpSymlink if rules go by name, and let nobody else make
// links in the tree.
//
// The FS has no Unwrap method. Make one for each login, around files that sessions
// share, and around [Limit] rather than within, as what can't be seen can't be counted.
// If fsys is a pointer, all values of Restrict around the same one know of each other's
// uploads and of names that are about to be given away; a name that another session
// keeps busy for ten seconds is ErrBusy. The FS is as safe for concurrent use as fsys
// and allow are.
func Restrict(fsys FS, allow func(ctx context.Context, op Op, name string) error) FS {
	r := &restricted{fsys: fsys, allow: allow}
	r.tree = treeOf(fsys, r)
	return r
}

type restricted struct {
	fsys  FS
	allow func(ctx context.Context, op Op, name string) error
	tree  string // identifies fsys: see treeOf
}

// ask returns the error of allow for a name. A name that doesn't obey ValidName is
// refused before allow sees it.
func (r *restricted) ask(ctx context.Context, op Op, name string) error {
	if err := enter(ctx, string(op), name); err != nil {
		return err
	}
	if r.allow == nil {
		return fail(string(op), name, fs.ErrPermission)
	}
	return fail(string(op), name, r.allow(ctx, op, name))
}

// refused reports whether an error of ask means that the session may not do it. Any other
// error means that allow could not find out.
func refused(err error) bool {
	var own *Error
	if errors.As(err, &own) {
		return own.Code < 400 || own.Code >= 500
	}
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)
}

func (r *restricted) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := r.ask(ctx, OpStat, name); err != nil {
		return nil, err
	}
	return r.fsys.Stat(ctx, name)
}

func (r *restricted) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return r.list(ctx, name, func() iter.Seq2[fs.FileInfo, error] { return r.fsys.List(ctx, name) })
}

// Scan leaves out the same entries as List.
func (r *restricted) Scan(ctx context.Context, self FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if self != FS(r) {
		return self.List(ctx, name)
	}
	return r.list(ctx, name, func() iter.Seq2[fs.FileInfo, error] { return Scan(ctx, r.fsys, name, nameOnly) })
}

// list yields the entries that the session may see.
func (r *restricted) list(ctx context.Context, name string, entries func() iter.Seq2[fs.FileInfo, error]) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		if err := r.ask(ctx, OpList, name); err != nil {
			yield(nil, err)
			return
		}
		for fi, err := range entries() {
			if err == nil {
				err = r.ask(ctx, OpStat, path.Join(name, fi.Name()))
				if err != nil && ctx.Err() == nil && refused(err) {
					continue
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(fi, nil) {
				return
			}
		}
	}
}

func (r *restricted) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := r.ask(ctx, OpRead, name); err != nil {
		return nil, err
	}
	return r.fsys.Open(ctx, name, offset)
}

func (r *restricted) Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	if err := r.ask(ctx, OpRead, name); err != nil {
		return nil, err
	}
	return Checksum(ctx, r.fsys, name, algorithm, offset, length)
}

func (r *restricted) ReadLink(ctx context.Context, name string) (string, error) {
	if err := r.ask(ctx, OpStat, name); err != nil {
		return "", err
	}
	return ReadLink(ctx, r.fsys, name)
}

func (r *restricted) Space(ctx context.Context, name string) (int64, error) {
	if err := r.ask(ctx, OpSpace, name); err != nil {
		return 0, err
	}
	return Space(ctx, r.fsys, name)
}

// WritesInPlace reports whether uploads to the wrapped FS are in place; allow sees the
// names when they are used.
func (r *restricted) WritesInPlace(name string, opts StoreOptions) bool {
	return WritesInPlace(r.fsys, name, opts)
}

// RawNames reports whether the wrapped FS takes names that are not UTF-8; allow sees
// names as they are.
func (r *restricted) RawNames(name string) bool { return RawNames(r.fsys, name) }
