package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
)

// KeptReader is an optional ability of a [StagedReader], of the same value, for
// uploads that add to a file: with [StoreOptions].Append or an Offset. [Inspect] then
// reads the very file that the upload adds to, even if the name leads to another file
// by now, and has Commit refuse to add to any other.
//
// Where an Upload is no KeptReader, Inspect reads and compares the old file by name,
// right before Commit, and doesn't notice a change between the two.
type KeptReader interface {
	// Keep says how many bytes of the old file Commit is going to keep, 0 if there is
	// none. It is called after the last Write and once at most. From then on Commit is
	// ErrChanged if the file is another one or has been changed since; if it has
	// changed already, Keep may be ErrChanged itself.
	Keep() (int64, error)

	// OpenKept opens the old file, any number of times after a Keep that is not 0. The
	// bytes behind those that are kept are not read. The readers are closed before
	// Commit and Close. Where the file has been changed since they may have other
	// bytes, as Commit refuses to add to them.
	OpenKept() (io.ReadCloser, error)
}

// adds reports whether an upload keeps something of an old file.
func (o StoreOptions) adds() bool { return o.Append || o.Offset > 0 }

// keptReader returns the KeptReader of an upload, or one that goes by the name of the
// file. Only the StagedReader itself counts: a wrapper that changes the bytes, and so
// has an OpenStaged of its own, needs an OpenKept of its own as well.
func (u *inspectedUpload) keptReader() KeptReader {
	if k, ok := stagedReader(u.Upload).(KeptReader); ok {
		return k
	}
	return &keptByName{ctx: u.ctx, fsys: u.within.FS, name: u.name, opts: u.opts}
}

// keptByName takes the place of a KeptReader that an upload lacks. It finds the old
// file by name.
type keptByName struct {
	ctx  context.Context // of Store
	fsys FS
	name string
	opts StoreOptions
	was  fs.FileInfo // what Keep saw, nil if there was nothing
}

func (k *keptByName) Keep() (_ int64, err error) {
	switch k.was, err = k.stat(); {
	case err != nil:
		return 0, err
	case !k.opts.Append:
		return k.opts.Offset, nil
	case k.was == nil:
		return 0, nil // Commit decides whether that is right
	}
	return k.was.Size(), nil
}

// stat describes the file that has the name now, nil if there is none.
func (k *keptByName) stat() (fs.FileInfo, error) {
	fi, err := k.fsys.Stat(k.ctx, k.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return fi, err
}

func (k *keptByName) OpenKept() (io.ReadCloser, error) { return k.fsys.Open(k.ctx, k.name, 0) }

// same returns ErrChanged if the name leads to anything else than it did in Keep.
func (k *keptByName) same() error {
	now, err := k.stat()
	if err == nil && !sameOrNone(k.was, now) {
		err = ErrChanged
	}
	return err
}

// sameOrNone reports whether two descriptions, each nil if there is nothing, are of
// one file that has not changed.
func sameOrNone(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return sameFile(a, b)
}
