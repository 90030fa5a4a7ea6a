package driver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Replacing a file by the one that was made from it.
//
// Programs that take no lock, such as logrotate, may rename the old file, add to it or rewrite
// it while it is copied, until the new file is renamed. After a plain rename the new file
// would then stand beside the old one, or lack what the program wrote, and any other file that
// had got the name would be lost. So the two files exchange their names, where the system can
// do that (Linux, but not each of its file systems), and swap looks at the file that the
// temporary name leads to then: the old file is removed if it is as it was copied, anything
// else gets the name back. Until then nobody who takes locks changes the new file, whose lock
// is held, too.
//
// Renaming a file changes the time of its last change (ctime). So only size and time of
// modification are compared after the exchange, and all that the system tells before it.
//
// During the exchange the temporary name holds the numbers of the two files that may have it
// (mayBe). If the process ends before the name is given back, a sweep removes no other file.

// errNotExchanged is returned by exchange where names can't be exchanged.
var errNotExchanged = errors.New("driver: the file system can't exchange names")

// errOutrun is returned if a program that takes no lock wrote into the file while it was
// copied. The file keeps its name, and the upload can be added to its new content.
var errOutrun = fmt.Errorf("another program writes to the file: %w", ErrChanged)

// supersede puts a temporary file in place of the locked file h, if the name still leads to h
// and no program has written into it.
func (u *atomicUpload) supersede(t *tempFile, h *heldFile) error {
	if !canExchange || t.name == "" {
		if err := u.same(h.info); err != nil {
			return err
		}
		return u.rename(t)
	}
	if err := flush(t.f); err != nil {
		return err
	}
	fi, err := t.f.Stat()
	if err != nil {
		return err
	}
	if err := t.mayBe(fi, h.info); err != nil {
		return err
	}
	n := &heldFile{f: t.f, info: fi, key: lockKey(fi, u.parent, t.name)}
	wait, cancel := context.WithTimeout(u.ctx, lockPatience)
	defer cancel()
	if err := n.lock(wait, false); err != nil {
		return err
	}
	err = u.durably(func() error { return u.swap(t, fi, h.info) })
	n.unlock()
	if errors.Is(err, errNotExchanged) {
		return u.rename(t)
	}
	return err
}

// same returns an error unless the name still leads to the file old and the file is as it
// was when it was copied.
func (u *atomicUpload) same(old fs.FileInfo) error {
	now, err := u.parent.Lstat(u.base)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !os.SameFile(old, now):
		return ErrChanged
	case err == nil && !unchanged(old, now):
		return errOutrun
	}
	return err
}

// swap exchanges the names of a temporary file and of the file old, from which the temporary
// file was made. If old then turns out to be another file or to have changed, swap calls
// swapBack.
func (u *atomicUpload) swap(t *tempFile, temp, old fs.FileInfo) error {
	if err := u.same(old); err != nil {
		return err
	}
	err := exchange(u.parent, t.name, u.base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrChanged
	case err != nil:
		return err
	}
	out, err := u.parent.Lstat(t.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // a sweep of another process has removed it
	case err != nil:
		return err
	case !os.SameFile(out, old):
		return u.swapBack(t, temp, ErrChanged)
	case !sameContent(out, old):
		return u.swapBack(t, temp, errOutrun)
	}
	_ = u.parent.Remove(t.name) // if this fails a sweep removes the file
	return nil
}

// sameContent reports whether nobody has written into a file between two looks at it, as
// far as its size and time of modification tell.
func sameContent(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// swapBack undoes an exchange of names by swap, and returns why, the reason for undoing
// it. If another program has renamed or removed the new file meanwhile, the old file gets
// its name back all the same, the new one is emptied since it was not committed, and the
// error is ErrChanged.
func (u *atomicUpload) swapBack(t *tempFile, temp fs.FileInfo, why error) error {
	err := exchange(u.parent, t.name, u.base)
	if errors.Is(err, fs.ErrNotExist) {
		err = renameToFree(u.parent, t.name, u.base)
	}
	out, e := u.parent.Lstat(t.name)
	switch {
	case e == nil && os.SameFile(out, temp) && sameContent(out, temp):
		return why
	case e == nil && os.SameFile(out, temp): // a program wrote into it while it had the name
		return u.leave(t, ErrChanged)
	case errors.Is(e, fs.ErrNotExist):
		return first(t.f.Truncate(0), ErrChanged)
	}
	// The program has put one more file in place. If the exchange back took the name from
	// that file, exchange once more to give the name back.
	if err == nil {
		_ = exchange(u.parent, t.name, u.base)
	}
	return u.leave(t, first(t.f.Truncate(0), ErrChanged))
}

// leave renames a file of another program from its temporary name to base and a random
// suffix, and adds the new name to err.
func (u *atomicUpload) leave(t *tempFile, err error) error {
	other := u.base + "." + strings.ToLower(rand.Text())
	if renameToFree(u.parent, t.name, other) != nil {
		other = t.name
	}
	t.d.live.Delete(t.name)
	t.name = "" // not to be removed
	return fmt.Errorf("a file of another program is %s now: %w", other, err)
}

// mayBe gives a temporary file a name that holds the numbers of the two files that may have
// it.
func (t *tempFile) mayBe(temp, old fs.FileInfo) error {
	name := tempName() + "." + sysID(temp) + "." + sysID(old)
	t.d.live.Store(name, nil)
	if err := t.parent.Rename(t.name, name); err != nil {
		t.d.live.Delete(name)
		return err
	}
	t.d.live.Delete(t.name)
	t.name = name
	return nil
}

// errForeign is returned for a file of another program that has a temporary name, since
// the process ended when it was about to give the file its name back.
var errForeign = errors.New("a file of another program, which a crash left under this name")

// foreign reports whether a file with a temporary name belongs to another program, since the
// name, made by mayBe, holds the numbers of two other files.
func foreign(p string, fi fs.FileInfo) bool {
	ids := strings.Split(path.Base(filepath.ToSlash(p)), ".")
	if len(ids) != 4 { // the first is empty, before the dot
		return false
	}
	id := sysID(fi)
	return id != ids[2] && id != ids[3]
}
