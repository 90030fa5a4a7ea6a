package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// change adds the upload to the file, or puts it behind the part that is kept.
func (u *atomicUpload) change() error {
	for {
		h, err := u.d.hold(u.ctx, u.parent, u.base, true)
		switch {
		case err != nil:
			return err
		case h != nil:
			defer h.release()
			return u.changeHeld(h)
		case u.old != nil, u.looked.found():
			return ErrChanged // it was removed
		}
		if fi, err := u.parent.Lstat(u.base); err == nil && !fi.Mode().IsRegular() {
			return replaceable(fi)
		}
		if err := u.placeExclusive(); !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Somebody has created it since: it is added to.
	}
}

// changeTries bounds how often a file is copied that another program writes to all the time.
const changeTries = 10

// changeHeld changes the file, which is locked.
func (u *atomicUpload) changeHeld(h *heldFile) (err error) {
	for range changeTries {
		if err = u.tryChange(h); !errors.Is(err, errOutrun) {
			return err
		}
		if h.info, err = h.f.Stat(); err != nil {
			return err
		}
	}
	return errOutrun
}

// tryChange changes the file once, as h found it.
func (u *atomicUpload) tryChange(h *heldFile) error {
	keep, err := u.kept(h)
	if err != nil {
		return err
	}
	t := u.temp
	if keep != u.at || u.filled { // the hole has not the right size any more
		if t, err = u.d.newTemp(u.parent, h.info.Mode().Perm()|0o600); err != nil {
			return err
		}
		defer t.remove() // by then it has another name, or is in the way
	}
	done, err := u.fill(t, h, keep)
	if err == nil && !done {
		if err = u.finish(t, h.info); err == nil {
			err = u.supersede(t, h)
		}
		done = t != u.temp
	}
	if done && (err == nil || errors.Is(err, errNotSafe)) {
		_ = u.temp.remove() // or a sweep does
		u.temp = nil
	}
	return err
}

// kept returns how many bytes of the file the upload keeps. With an Offset the file
// must be the one that Store saw, and after Keep the one that Keep saw.
func (u *atomicUpload) kept(h *heldFile) (int64, error) {
	size := h.info.Size()
	if h.system && !h.write { // what a process that was killed had added may still be there
		size = ownSize(h.f, size)
	}
	switch {
	case h.f == nil:
		return 0, fmt.Errorf("unreadable file: %w", fs.ErrPermission)
	case u.looked != nil && !unchanged(u.looked.info, h.info),
		!u.opts.Append && !unchanged(u.old, h.info):
		return 0, ErrChanged
	case u.opts.Append:
		return size, replaceable(h.info)
	case u.at > size:
		return 0, ErrChanged
	}
	return u.at, replaceable(h.info)
}

// unchanged reports whether was, nil if there was nothing, is the file that now is. A
// program can set the time of modification back, but not that of the last change to
// anything of the file, where the system tells that. So new permission bits, times or
// links are a change, too.
func unchanged(was, now fs.FileInfo) bool {
	return was != nil && os.SameFile(was, now) && was.Size() == now.Size() && was.ModTime().Equal(now.ModTime()) &&
		changeTime(was).Equal(changeTime(now))
}

// fill makes t what the file will be, or reports that the file itself has grown.
func (u *atomicUpload) fill(t *tempFile, h *heldFile, keep int64) (done bool, err error) {
	u.filled = u.filled || t == u.temp
	cloned, err := cloneHead(u.ctx, t.f, h.f, keep)
	if err != nil {
		return false, err
	}
	if !cloned {
		if keep == h.info.Size() && keep > small {
			if err := u.grow(h, keep, u.n); err != errNoGrowth {
				return err == nil || errors.Is(err, errNotSafe), err
			}
		}
		if err := copyHead(u.ctx, t.f, h.f, keep); err != nil {
			return false, err
		}
	}
	if t == u.temp {
		return false, nil
	}
	return false, copyTail(u.ctx, t.f, keep, u.temp.f, u.at)
}
