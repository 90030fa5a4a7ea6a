package driver

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Commit puts the file in place. The Upload keeps nothing open afterwards.
func (u *atomicUpload) Commit() error {
	if u.done || u.err != nil {
		return u.refuse("commit")
	}
	err := u.place()
	if u.err = u.d.fail("commit", u.name, err); err == nil || errors.Is(err, errNotSafe) {
		u.release()
	}
	return u.err
}

// errNotSafe is wrapped by errors that come after the file has its name, so that only its
// survival of a power loss is in doubt.
var errNotSafe = errors.New("driver: committed, but perhaps not on the disk")

func notSafe(err error) error {
	return &Error{Code: 451, Text: "Done, but the disk does not confirm that it will last.", Err: errors.Join(errNotSafe, err)}
}

// Prepare makes the data durable, which is the part of Commit that takes long.
func (u *atomicUpload) Prepare() error {
	if u.done || u.err != nil {
		return u.refuse("prepare")
	}
	if u.d.Sync {
		u.err = u.d.fail("prepare", u.name, u.f.Sync())
	}
	return u.err
}

// OpenStaged opens the bytes of this upload in the temporary file.
func (u *atomicUpload) OpenStaged() (io.ReadCloser, error) {
	if u.done || u.err != nil {
		return nil, u.refuse("read")
	}
	return section{io.NewSectionReader(u.f, u.at, u.n)}, nil
}

// openStagedFile opens the temporary file, unless the file has room in front for bytes of
// the old file.
func (u *atomicUpload) openStagedFile() (*os.File, error) {
	if u.done || u.err != nil {
		return nil, u.refuse("read")
	}
	if u.at > 0 {
		return nil, fail("read", u.name, errors.ErrUnsupported)
	}
	f, err := reopenReading(u.f)
	return f, fail("read", u.name, err)
}

// Close removes the temporary file unless it was committed.
func (u *atomicUpload) Close(error) error {
	if u.done {
		return nil
	}
	var err error
	if u.temp != nil {
		err = u.temp.remove()
		u.temp = nil
	}
	u.release()
	return u.d.fail("close", u.name, err)
}

// release gives back what the upload holds. It may not be called twice.
func (u *atomicUpload) release() {
	u.done = true
	if u.temp != nil {
		u.temp.release()
	}
	if u.src != nil {
		u.src.Close()
	}
	u.looked.close()
	u.parent.Close()
}

func (u *atomicUpload) place() error {
	switch {
	case u.opts.Append || u.opts.Offset > 0:
		return u.change()
	case u.opts.Exclusive:
		return u.placeExclusive()
	}
	return u.replace()
}

// replace puts the upload in place of whatever has the name.
func (u *atomicUpload) replace() error {
	if err := u.finish(u.temp, u.old); err != nil {
		return err
	}
	for {
		h, err := u.d.hold(u.ctx, u.parent, u.base, false)
		if err != nil {
			return err
		}
		if h != nil {
			defer h.release()
			return u.replaceHeld(h)
		}
		switch err := u.durably(u.takeName); {
		case errors.Is(err, errOnlyReplaces):
			return u.rename(u.temp)
		case !errors.Is(err, fs.ErrExist):
			return err
		}
		if fi, err := u.parent.Lstat(u.base); err == nil && !fi.Mode().IsRegular() {
			return u.rename(u.temp) // no upload is added to a link or FIFO
		}
		// Somebody has created a file since, and may be about to add to it: lock that file.
		if err := u.ctx.Err(); err != nil {
			return err
		}
	}
}

// replaceHeld replaces a locked file, if it may still be replaced. That file may be another
// one than Store saw, or have other permission bits, so the upload is given its bits anew.
func (u *atomicUpload) replaceHeld(h *heldFile) error {
	if err := replaceable(h.info); err != nil {
		return err
	}
	if u.old == nil || !os.SameFile(u.old, h.info) || u.old.Mode() != h.info.Mode() {
		if err := u.finish(u.temp, h.info); err != nil {
			return err
		}
	}
	return u.rename(u.temp)
}

// finish gives a temporary file the owner and permission bits of old, which is nil if there
// is no old file, and syncs the data of an upload that has to last.
func (u *atomicUpload) finish(t *tempFile, old fs.FileInfo) error {
	var err error
	switch {
	case old != nil:
		// Change the owner first, because that clears mode bits.
		ownLike(t.f, old)
		err = t.f.Chmod(old.Mode().Perm())
	case u.d.FileMode != 0:
		err = t.f.Chmod(u.d.fileMode())
	}
	if err == nil && u.sync {
		err = t.f.Sync()
	}
	return err
}

// rename gives a temporary file its final name, replacing whatever has that name. It closes
// the file first: some systems report only then that the file could not be written (NFS,
// quotas), and Windows renames no open file.
func (u *atomicUpload) rename(t *tempFile) error {
	if t.name == "" {
		return errOnlyAdds
	}
	if err := t.f.Close(); err != nil {
		return err
	}
	err := u.durably(func() error { return u.parent.Rename(t.name, u.base) })
	return unlessMounted(err, u.parent, u.base)
}

// durably makes a change in the directory, if the directory is still in the tree. With
// Sync, the change is on the disk when durably returns. It opens the directory before the
// change: an error afterwards could no longer say that nothing has changed.
func (u *atomicUpload) durably(change func() error) error {
	checked := func() error {
		if err := u.within(); err != nil {
			return err
		}
		return change()
	}
	if !u.sync {
		return checked()
	}
	return changeAndSync(checked, u.parent)
}

// changeAndSync makes a change in some directories and waits until it is on the disk.
func changeAndSync(change func() error, dirs ...*os.Root) error {
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	for _, dir := range dirs {
		f, err := openForSync(dir)
		if err != nil {
			return err
		}
		if f != nil {
			open = append(open, f)
		}
	}
	if err := change(); err != nil {
		return err
	}
	return syncDirs(open)
}

// syncDirs makes the changes in some directories durable.
func syncDirs(dirs []*os.File) error {
	for _, f := range dirs {
		if err := syncDir(f); err != nil {
			return notSafe(err)
		}
	}
	return nil
}

// placeExclusive gives the upload its name and overwrites nothing, not even a file that
// appeared a moment ago. If it fails because the name is taken, the temporary file stays
// open.
func (u *atomicUpload) placeExclusive() error {
	if err := u.finish(u.temp, nil); err != nil {
		return err
	}
	return u.durably(func() error {
		err := u.takeName()
		if errors.Is(err, errOnlyReplaces) {
			return u.reserve()
		}
		return err
	})
}

// errOnlyReplaces is returned by takeName where a file can only be renamed in a way that
// replaces what is there.
var errOnlyReplaces = errors.New("driver: the file system renames without looking and has no hard links")

// takeName gives the temporary file its name if the name is free, else it fails with
// fs.ErrExist. It renames the file, or makes a link.
func (u *atomicUpload) takeName() error {
	if err := flush(u.temp.f); err != nil {
		return err
	}
	if u.temp.name == "" {
		return nameUnnamed(u.temp.f, u.parent, u.base)
	}
	err := renameToFree(u.parent, u.temp.name, u.base)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	err = u.parent.Link(u.temp.name, u.base)
	switch {
	case err == nil:
		u.temp.release()                 // NFS keeps what is open under another name
		_ = u.parent.Remove(u.temp.name) // if this fails a sweep removes the name
		return nil
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
		return err
	}
	return errOnlyReplaces
}

// reserve takes the name with an empty file, and then replaces that file. The empty file
// stays if the process ends in between.
func (u *atomicUpload) reserve() error {
	f, err := u.parent.OpenFile(u.base, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return u.replaceReserved(f)
}

// replaceReserved renames the temporary file over the empty file that reserves the name,
// under the lock of the empty file. The error is fs.ErrExist if somebody was quicker to
// lock that file and to put something else in its place.
func (u *atomicUpload) replaceReserved(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	h := &heldFile{f: f, info: fi, key: lockKey(fi, u.parent, u.base), write: true}
	wait, cancel := context.WithTimeout(u.ctx, lockPatience)
	defer cancel()
	if err := h.lock(wait, false); err != nil {
		return err
	}
	defer h.release()
	now, err := u.parent.Lstat(u.base)
	if err != nil || !os.SameFile(now, fi) || now.Size() > 0 {
		return fs.ErrExist
	}
	if !h.system { // Windows renames over no open file
		h.close()
		h.f = nil
	}
	if err = u.temp.f.Close(); err == nil {
		err = u.parent.Rename(u.temp.name, u.base)
	}
	if err != nil {
		u.parent.Remove(u.base)
	}
	return err
}
