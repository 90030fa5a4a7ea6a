package driver

// How an upload in place notices that another program has changed the file, which takes no lock.
//
// Before the first byte, all that the system tells of the file must be as in Store, if the upload
// keeps the beginning. From then on the file must be as long as the upload has made it, at Commit
// and, with an offset, before each Write. With an offset its times must be those after the last
// Write, too, where the system tells them at once: not on network file systems, not if another
// process writes for the upload. A change is not seen if it leaves length and times alone, or
// comes in the moment between a Write and the look after it.

// see takes note of the file as the upload has left it.
func (u *inPlaceUpload) see() (err error) {
	u.seen, err = u.f.Stat()
	return err
}

// saw is see, as a part of Write.
func (u *inPlaceUpload) saw() error {
	u.err = u.d.fail("write", u.name, u.see())
	return u.err
}

// check has the upload fail if the file has been changed.
func (u *inPlaceUpload) check() {
	if u.done || u.err != nil || u.opts.Append {
		return
	}
	now, err := u.f.Stat()
	switch {
	case err != nil:
	case !u.ended && !unchanged(u.seen, now),
		u.ended && now.Size() != u.opts.Offset+u.n,
		u.seen != nil && !u.others && tellsTimes(u.f) && !unchanged(u.seen, now):
		err = ErrChanged
	}
	u.err = u.d.fail("write", u.name, err)
}
