package driver

import (
	"context"
	"io"
	"os"
)

// copyHead copies the first n bytes of src to the start of dst, whose first n bytes are a
// hole or not there yet. Holes stay holes. If src has become shorter than n bytes, the
// error is errOutrun.
func copyHead(ctx context.Context, dst, src *os.File, n int64) error {
	for at := int64(0); at < n; {
		from, to, err := nextData(src, at, n)
		if err != nil {
			return err
		}
		if err := copyPart(ctx, dst, src, from, to); err != nil {
			return err
		}
		at = to
	}
	fi, err := dst.Stat()
	if err == nil && fi.Size() < n {
		err = dst.Truncate(n)
	}
	return err
}

// copyPart copies the bytes between two offsets.
func copyPart(ctx context.Context, dst, src *os.File, from, to int64) error {
	if from == to {
		return ctx.Err()
	}
	if _, err := src.Seek(from, io.SeekStart); err != nil {
		return err
	}
	if _, err := dst.Seek(from, io.SeekStart); err != nil {
		return err
	}
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := dst.ReadFrom(io.LimitReader(src, min(to-from, copyStep)))
		if err != nil {
			return err
		}
		if n == 0 {
			return errOutrun
		}
		from += n
	}
	return nil
}

// copyTail copies src, from the offset at to its end, into dst at the offset to.
func copyTail(ctx context.Context, dst *os.File, to int64, src *os.File, at int64) error {
	if _, err := src.Seek(at, io.SeekStart); err != nil {
		return err
	}
	if _, err := dst.Seek(to, io.SeekStart); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := dst.ReadFrom(io.LimitReader(src, copyStep))
		if n == 0 || err != nil {
			return err
		}
	}
}

// copyStep is how many bytes are copied between two looks at the context.
const copyStep = 16 << 20
