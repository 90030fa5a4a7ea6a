package driver

import "io"

// limitStep is how much ReadFrom reserves at a time.
const limitStep = 1 << 20

// limitReaderFrom is an upload whose wrapped upload takes data from a reader by itself.
type limitReaderFrom struct {
	*limitUpload
	from io.ReaderFrom
}

func (u *limitReaderFrom) ReadFrom(r io.Reader) (int64, error) {
	total, err := u.readFirst(r)
	if err != nil {
		return total, fromEnd(err)
	}
	for {
		if err := u.ready("write"); err != nil {
			return total, err
		}
		step := u.claim(limitStep)
		if step == 0 {
			return total, u.atEnd(r)
		}
		n, err := u.from.ReadFrom(io.LimitReader(r, step))
		u.wrote(step, n, err)
		total += n
		if err != nil || n < step {
			return total, err
		}
	}
}

// readFirst passes the first piece to Write if that is going to remove bytes of the old file: the
// bytes count as long as nothing comes.
func (u *limitReaderFrom) readFirst(r io.Reader) (int64, error) {
	u.l.mu.Lock()
	cuts := u.cuts()
	u.l.unlock()
	if !cuts {
		return 0, nil
	}
	var b [4096]byte
	n, err := r.Read(b[:])
	if n > 0 {
		if n, err := u.Write(b[:n]); err != nil {
			return int64(n), err
		}
	}
	if err != nil && err != io.EOF {
		u.err = err
	}
	return int64(n), err
}

// fromEnd returns nil for the end of a reader.
func fromEnd(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// atEnd returns nil if the data ends exactly where the room ends, and ErrQuota if there
// is more data.
func (u *limitReaderFrom) atEnd(r io.Reader) error {
	var b [1]byte
	switch n, err := io.ReadFull(r, b[:]); {
	case n > 0:
		return u.full()
	case err == io.EOF:
		return nil
	default:
		u.err = err
		return err
	}
}
