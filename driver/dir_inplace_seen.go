package driver

// How an upload in place notices that another program, which takes no lock, has changed the file.
//
// Before the first byte, all that the system tells of the file must be as it was in Store, if the
// upload keeps the beginning. After the first byte, the file must be as long as the upload has
// made it, at Commit and, with an offset, before each Write. With an offset its times must also
// be those after the last Write, where the system tells times at once: not on network file
// systems, and not if another process writes for the upload. A change goes unseen if it leaves
// length and times alone, or comes between a Write and the look after it.

// see records the description of the file as the upload has left it.
func (u *inPlaceUpload) see() (err error) {
	u.seen, err = u.f.Stat()
	return err
}

// saw calls see after a Write and records the error.
func (u *inPlaceUpload) saw() error {
	u.err = u.d.fail("write", u.name, u.see())
	return u.err
}

// check makes the upload fail with ErrChanged if another program has changed the file.
func (u *inPlaceUpload) check() {
	if u.done || u.err != nil || u.opts.Append {
		return
	}
	now, err := u.f.Stat()
	switch {
	case err != nil:
	case !u.ended && !unchanged(u.seen, now),
		u.ended && now.Size() != u.opts.Offset+u.n,
		u.seen != nil && !u.others && !unchanged(u.seen, now) && tellsTimes(u.f):
		err = ErrChanged
	}
	u.err = u.d.fail("write", u.name, err)
}
