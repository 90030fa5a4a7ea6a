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
	var total int64
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
