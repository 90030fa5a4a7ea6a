package driver

// Prepare calls Prepare of the wrapped upload.
func (u *limitUpload) Prepare() error {
	if err := u.ready("prepare"); err != nil {
		return err
	}
	u.err = Prepare(u.Upload)
	return u.err
}

// Commit checks the quota once more. If another upload has replaced the old file,
// the bytes that this one keeps are no longer counted, or are more than there were.
//
// The lock of the name is taken before the FS takes its own locks. An upload in
// place has the FS's lock of the file from Store on, and only Commit gives that
// lock back. So an upload in place commits without the lock of the name: the bytes
// that it wrote are counted already.
func (u *limitUpload) Commit() error {
	switch err := u.ready("commit"); {
	case err != nil:
		return err
	case u.inPlace:
		return u.commitInPlace()
	}
	unlock, err := u.lock(u.ctx)
	if err != nil {
		return fail("commit", u.name, err)
	}
	defer unlock()
	select { // another name of the file, a hard link for one, has another lock
	case u.file.committing <- struct{}{}:
	case <-u.ctx.Done():
		return fail("commit", u.name, u.ctx.Err())
	}
	defer func() { <-u.file.committing }()
	size, err := u.commitWithin()
	if err == nil {
		u.end(u.ctx, size)
	}
	return err
}

// commitInPlace commits without the lock of the name: another upload of the file
// may hold that lock and be waiting for this commit.
func (u *limitUpload) commitInPlace() error {
	size, err := u.commitWithin()
	if err == nil {
		u.settle(size)
	}
	return err
}

// commitWithin commits the wrapped upload if the file fits, and returns the size
// that the file has then.
func (u *limitUpload) commitWithin() (count, error) {
	size, err := u.fits()
	if err != nil {
		return size, err
	}
	u.err = u.Upload.Commit()
	return size, u.err
}

// fits reserves what the file will take beyond what is counted for it, and
// returns the size that it will have.
func (u *limitUpload) fits() (count, error) {
	size, err := u.size()
	if err != nil {
		return size, fail("commit", u.name, err)
	}
	if most := u.l.quota.FileSize; most > 0 && size.bytes > most {
		return size, u.full()
	}
	u.l.mu.Lock()
	more := size.minus(u.file.count)
	if u.opts.Append {
		more.bytes = u.written
	}
	more = more.minus(u.reserved)
	there := u.there
	u.l.unlock()
	if there {
		return size, nil
	}
	if u.reserve(count{max(more.bytes, 0), max(more.files, 0)}) != nil {
		return size, u.full()
	}
	return size, nil
}

// size returns how large the file will be.
func (u *limitUpload) size() (count, error) {
	if !u.opts.Append {
		return count{u.kept + u.written, 1}, nil
	}
	now, err := u.l.refresh(u.ctx, u.file, u.real(), count{}, nil)
	if err != nil {
		return count{}, err
	}
	u.l.mu.Lock()
	defer u.l.unlock()
	if u.there {
		return count{now.bytes, 1}, nil
	}
	return count{now.bytes + u.written, 1}, nil
}

// writesInPlace reports whether an upload is in place or wraps an upload in place.
func writesInPlace(u Upload) bool {
	for {
		switch v := u.(type) {
		case *inPlaceUpload:
			return true
		case interface{ Unwrap() Upload }:
			u = v.Unwrap()
		default:
			return false
		}
	}
}
