package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Times are the times of a file. A zero field is left as it is.
type Times struct {
	Modify, Access, Create time.Time
}

// A TimeSetter is an FS that can set times (MFMT, MFCT, MFF, SITE UTIME).
type TimeSetter interface {
	SetTimes(ctx context.Context, name string, t Times) error
}

// A ModeSetter is an FS that can set permission bits (SITE CHMOD, MFF). Only
// mode.Perm() counts.
type ModeSetter interface {
	SetMode(ctx context.Context, name string, mode fs.FileMode) error
}

// A GroupSetter is an FS that can set the group of a file (SITE CHGRP). The
// group is a name or a decimal number.
type GroupSetter interface {
	SetGroup(ctx context.Context, name, group string) error
}

// A Symlinker is an FS that can make symbolic links (SITE SYMLINK). The target
// obeys ValidName and counts from the root of the FS, so a link can't leave
// the FS.
type Symlinker interface {
	Symlink(ctx context.Context, target, name string) error
}

// A LinkReader is an FS that can say where a symbolic link leads, for listings.
// The answer is relative to the directory of the link, as ls -l shows it. The
// error is [fs.ErrPermission] when the link leads out of the FS. A name that is no
// link is an error.
type LinkReader interface {
	ReadLink(ctx context.Context, name string) (string, error)
}

// A SpaceReporter is an FS that knows how many bytes may still be stored below name
// (AVBL).
type SpaceReporter interface {
	Space(ctx context.Context, name string) (int64, error)
}

// A StoreChecker is an FS that can tell beforehand that an upload can't succeed,
// because the tree is read-only, the parent is missing, the name is that of a
// directory, no quota is left or the store can't do what is asked. The server
// asks before it invites the client to send (reply 150 to STOR, APPE and STOU):
// most clients hear no refusal while they send.
//
// CheckStore changes nothing. It returns nil, or the error that Store, the Writes
// or Commit would return; CheckStore must not refuse an upload that they would
// take, except for an empty file where no byte can be stored. Nil is no promise:
// Store decides again. A wrapper that has Unwrap, and whose Store takes uploads
// that Store of the wrapped FS refuses, must be a StoreChecker itself.
type StoreChecker interface {
	CheckStore(ctx context.Context, name string, opts StoreOptions) error
}

// An InPlacer is an FS that knows whether its uploads are in place: whether the old bytes
// of a file are gone before Commit, and so make room, or count until then. [Limit] asks.
// Without the ability either may be the case.
type InPlacer interface {
	// WritesInPlace reports whether an upload to a name would change the file before
	// Commit. It looks at no file, and is called after CheckStore for the same upload.
	WritesInPlace(name string, opts StoreOptions) bool
}

// A RawNamer is an FS that takes names which are not UTF-8, as cameras, scanners
// and old file systems make them. All methods of a RawNamer take every name of
// [ValidName] without CR, LF and NUL, and List gives such names as they are.
// Without the ability names are UTF-8, and the server answers 501 to any other.
type RawNamer interface {
	// RawNames reports whether names below name need not be UTF-8.
	RawNames(name string) bool
}

// SetTimes sets times on the first FS behind fsys that can. Without one the
// error is [errors.ErrUnsupported].
func SetTimes(ctx context.Context, fsys FS, name string, t Times) error {
	if s, ok := as[TimeSetter](fsys); ok {
		return s.SetTimes(ctx, name, t)
	}
	return unsupported("setting times")
}

// SetMode sets permission bits on the first FS behind fsys that can. Without
// one the error is [errors.ErrUnsupported].
func SetMode(ctx context.Context, fsys FS, name string, mode fs.FileMode) error {
	if s, ok := as[ModeSetter](fsys); ok {
		return s.SetMode(ctx, name, mode)
	}
	return unsupported("setting permissions")
}

// SetGroup sets the group on the first FS behind fsys that can. Without one
// the error is [errors.ErrUnsupported].
func SetGroup(ctx context.Context, fsys FS, name, group string) error {
	if s, ok := as[GroupSetter](fsys); ok {
		return s.SetGroup(ctx, name, group)
	}
	return unsupported("setting the group")
}

// Symlink makes a symbolic link on the first FS behind fsys that can. Without
// one the error is [errors.ErrUnsupported].
func Symlink(ctx context.Context, fsys FS, target, name string) error {
	if s, ok := as[Symlinker](fsys); ok {
		return s.Symlink(ctx, target, name)
	}
	return unsupported("making links")
}

// ReadLink says where a link leads, asking the first FS behind fsys that can.
// Without one the error is [errors.ErrUnsupported].
func ReadLink(ctx context.Context, fsys FS, name string) (string, error) {
	if s, ok := as[LinkReader](fsys); ok {
		return s.ReadLink(ctx, name)
	}
	return "", unsupported("reading links")
}

// Space reports the free space as the first FS behind fsys that knows it.
// Without one the error is [errors.ErrUnsupported].
func Space(ctx context.Context, fsys FS, name string) (int64, error) {
	if s, ok := as[SpaceReporter](fsys); ok {
		return s.Space(ctx, name)
	}
	return 0, unsupported("reporting free space")
}

// CheckStore asks the first FS behind fsys that can tell whether an upload would
// be refused. Without one nothing is known, and the error is nil.
func CheckStore(ctx context.Context, fsys FS, name string, opts StoreOptions) error {
	if c, ok := as[StoreChecker](fsys); ok {
		return c.CheckStore(ctx, name, opts)
	}
	return nil
}

// A SameRemover is an FS that can, in one step, remove a file only if the file
// is still the one that was described; otherwise the error is ErrChanged and the
// file stays. COMB removes its sources by RemoveSame.
type SameRemover interface {
	RemoveSame(ctx context.Context, name string, info fs.FileInfo) error
}

// RemoveSame removes a file if it is still the one that info, from Stat of the
// same FS, describes. RemoveSame asks fsys itself and no FS behind it, so that no
// wrapper's Remove is bypassed. On an FS without the ability RemoveSame calls Stat
// and then Remove, between which the file may change.
func RemoveSame(ctx context.Context, fsys FS, name string, info fs.FileInfo) error {
	if s, ok := fsys.(SameRemover); ok {
		return s.RemoveSame(ctx, name, info)
	}
	now, err := fsys.Stat(ctx, name)
	if err == nil && !sameFile(info, now) {
		err = fail("remove", name, ErrChanged)
	}
	if err != nil {
		return err
	}
	return fsys.Remove(ctx, name)
}

// WritesInPlace reports whether an upload may change the file before Commit, asking the
// first [InPlacer] behind fsys. Without one it returns true.
func WritesInPlace(fsys FS, name string, opts StoreOptions) bool {
	p, ok := as[InPlacer](fsys)
	return !ok || p.WritesInPlace(name, opts)
}

// RawNames reports whether fsys takes names below name that are not UTF-8, asking
// the first [RawNamer] behind fsys.
func RawNames(fsys FS, name string) bool {
	r, ok := as[RawNamer](fsys)
	return ok && r.RawNames(name)
}

// as finds an ability on fsys or on the nearest FS behind its Unwrap methods.
func as[T any](fsys FS) (T, bool) {
	for fsys != nil {
		if t, ok := fsys.(T); ok {
			return t, true
		}
		w, ok := fsys.(interface{ Unwrap() FS })
		if !ok {
			break
		}
		fsys = w.Unwrap()
	}
	var zero T
	return zero, false
}

func unsupported(what string) error {
	return fmt.Errorf("driver: %s: %w", what, errors.ErrUnsupported)
}

// A FileOwner is an [fs.FileInfo] that knows names for the third and fourth
// column of a listing. Without it, and where a name is empty, listings say
// "ftp".
type FileOwner interface {
	Owner() string
	Group() string
}

// A FileID is an [fs.FileInfo] that knows an identifier that no other file of the
// FS has at the same time (RFC 3659, section 7.5.2, "unique"). An empty string
// means unknown. RemoveSame tells a file from its replacement by size, time and
// ID: where times are coarse, the replacement needs another ID.
type FileID interface {
	ID() string
}
