package driver

import (
	"errors"
	"io/fs"
	"os"
)

// Commit puts the file in place. The Upload keeps nothing open afterwards.
func (u *atomicUpload) Commit() error {
	if u.done || u.err != nil {
		return u.refuse("commit")
	}
	err := u.finish()
	if err == nil {
		err = u.place()
	}
	if err != nil {
		u.err = fail("commit", u.name, err)
		return u.err
	}
	u.release()
	return nil
}

// Prepare makes the data durable, which is what takes long of Commit.
func (u *atomicUpload) Prepare() error {
	if u.done || u.err != nil {
		return u.refuse("prepare")
	}
	if u.d.Sync {
		u.err = fail("prepare", u.name, u.f.Sync())
	}
	return u.err
}

// Close removes the temporary file unless it was committed.
func (u *atomicUpload) Close(error) error {
	if u.done {
		return nil
	}
	var err error
	if u.f != nil {
		u.f.Close()
		err = u.parent.Remove(u.temp)
	}
	u.release()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return fail("close", u.name, err)
}

func (u *atomicUpload) release() {
	u.done = true
	u.d.live.Delete(u.temp)
	u.parent.Close()
}

// finish completes the temporary file. It is closed before it is renamed:
// some systems tell only then that it could not be written (NFS, quotas), and
// Windows renames no open file.
func (u *atomicUpload) finish() error {
	var err error
	switch {
	case u.old != nil:
		// The owner first: changing it clears mode bits.
		ownLike(u.f, u.old)
		err = u.f.Chmod(u.old.Mode().Perm())
	case u.d.FileMode != 0:
		err = u.f.Chmod(u.d.fileMode())
	}
	if err == nil && u.d.Sync {
		err = u.f.Sync()
	}
	return first(err, u.f.Close())
}

func (u *atomicUpload) place() error {
	var err error
	if u.exclusive {
		err = u.placeExclusive()
	} else {
		err = u.parent.Rename(u.temp, u.base)
	}
	if err == nil && u.d.Sync {
		err = syncDir(u.parent)
	}
	return err
}

// placeExclusive overwrites nothing, not even what appeared a moment ago: a link
// fails if the name is taken. File systems without hard links (FAT, some
// network ones) get an empty file to reserve the name first.
func (u *atomicUpload) placeExclusive() error {
	err := u.parent.Link(u.temp, u.base)
	if err == nil {
		return u.parent.Remove(u.temp)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := u.parent.OpenFile(u.base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if err := u.parent.Rename(u.temp, u.base); err != nil {
		u.parent.Remove(u.base)
		return err
	}
	return nil
}
