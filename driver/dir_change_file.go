package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// change commits an upload with Append or an Offset: it adds the new bytes to the file, or
// replaces the bytes behind the kept part.
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
			return ErrChanged // the file was removed
		}
		if fi, err := u.parent.Lstat(u.base); err == nil && !fi.Mode().IsRegular() {
			return replaceable(fi)
		}
		if err := u.placeExclusive(); !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Somebody has created the file since: add to it.
	}
}

// changeTries bounds how often an upload copies a file that another program writes to all
// the time.
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

// tryChange changes the file once. The error is errOutrun if another program wrote into the
// file after h was described.
func (u *atomicUpload) tryChange(h *heldFile) error {
	keep, err := u.kept(h)
	if err != nil {
		return err
	}
	t := u.temp
	if keep != u.at || u.filled { // the hole no longer has the right size
		if t, err = u.d.newTemp(u.parent, u.dir, h.info.Mode().Perm()|0o600); err != nil {
			return err
		}
		defer t.remove() // finds nothing if t has got the name of the file
	}
	done, err := u.fill(t, h, keep)
	if err == nil && !done {
		if err = u.finish(t, h.info); err == nil {
			err = u.supersede(t, h)
		}
		done = t != u.temp
	}
	if done && (err == nil || errors.Is(err, errNotSafe)) {
		_ = u.temp.remove() // if this fails a sweep removes the file
		u.temp = nil
	}
	return err
}

// kept returns how many bytes of the file the upload keeps. With an Offset the file
// must be the one that Store saw, and after Keep the one that Keep saw.
func (u *atomicUpload) kept(h *heldFile) (int64, error) {
	size := h.info.Size()
	if h.system && !h.write { // a killed process may have left bytes that are not part of the file
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

// unchanged reports whether now describes the same file as was (nil if there was none),
// without a change since. A program can set the time of modification back, but not the time
// of the last change to anything of the file (ctime), where the system tells that time. New
// permission bits, times or links therefore count as a change, too.
func unchanged(was, now fs.FileInfo) bool {
	return was != nil && os.SameFile(was, now) && was.Size() == now.Size() && was.ModTime().Equal(now.ModTime()) &&
		changeTime(was).Equal(changeTime(now))
}

// fill completes t with the kept bytes of the file. It reports done if it has added the
// upload to the file itself instead (grow).
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
