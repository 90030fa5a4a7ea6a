package driver

import (
	"io"
	"io/fs"
)

// OpenStaged opens the bytes of this upload.
func (u *memUpload) OpenStaged() (io.ReadCloser, error) {
	if u.done {
		return nil, fail("read", u.name, fs.ErrClosed)
	}
	return &memReader{data: u.data}, nil
}

// Keep returns how many bytes of the old file Commit keeps. From then on Commit
// is ErrChanged if the file is another one.
func (u *memUpload) Keep() (int64, error) {
	if u.done {
		return 0, fail("read", u.name, fs.ErrClosed)
	}
	if !u.opts.adds() {
		return 0, nil
	}
	err := u.at(func(_ *memNode, _ string, n *memNode) error {
		if err := u.may(n); err != nil {
			return err
		}
		u.kept, u.looked = n, true
		return nil
	})
	if err != nil {
		return 0, err
	}
	return u.keeps(u.kept), nil
}

// OpenKept opens the kept bytes of the old file.
func (u *memUpload) OpenKept() (io.ReadCloser, error) {
	if u.done {
		return nil, fail("read", u.name, fs.ErrClosed)
	}
	if u.kept == nil {
		return &memReader{}, nil
	}
	return &memReader{data: u.kept.data.head(u.keeps(u.kept))}, nil
}
