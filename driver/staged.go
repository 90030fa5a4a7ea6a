package driver

import "io"

// StagedReader is an optional ability of an [Upload] whose bytes can be read
// before Commit: see [Inspect].
//
// An Upload that wraps another has an Unwrap method that returns the wrapped one,
// or an OpenStaged of its own.
type StagedReader interface {
	// OpenStaged opens the bytes written to this upload, from the first one on;
	// bytes that [StoreOptions].Append or Offset keep of the old file are not
	// included. It is called after the last Write, any number of times; afterwards
	// only Prepare, OpenStaged, the methods of [KeptReader], Commit and Close are
	// called. The readers are closed before Commit and Close.
	OpenStaged() (io.ReadCloser, error)
}

// OpenStaged opens the bytes that were written to an upload, or to one that it
// wraps, before they are committed. Without a [StagedReader] the error is
// [errors.ErrUnsupported].
func OpenStaged(u Upload) (io.ReadCloser, error) {
	if s := stagedReader(u); s != nil {
		return s.OpenStaged()
	}
	return nil, unsupported("reading an upload before it is committed")
}

// stagedReader finds the ability of an upload, nil if there is none.
func stagedReader(u Upload) StagedReader {
	for {
		switch v := u.(type) {
		case StagedReader:
			return v
		case interface{ Unwrap() Upload }:
			u = v.Unwrap()
		default:
			return nil
		}
	}
}

// innermost returns the last upload that is found by Unwrap.
func innermost(u Upload) Upload {
	for {
		w, ok := u.(interface{ Unwrap() Upload })
		if !ok {
			return u
		}
		u = w.Unwrap()
	}
}

// section is a part of an open file. The upload, and not section, closes the file.
type section struct{ *io.SectionReader }

func (section) Close() error { return nil }
