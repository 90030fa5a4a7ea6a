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

// Keep says how many bytes of the file stay, and has Commit change no other.
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

// OpenKept opens the bytes of the file that stay.
func (u *memUpload) OpenKept() (io.ReadCloser, error) {
	if u.done {
		return nil, fail("read", u.name, fs.ErrClosed)
	}
	if u.kept == nil {
		return &memReader{}, nil
	}
	return &memReader{data: u.kept.data.head(u.keeps(u.kept))}, nil
}
