package driver

import (
	"io"
	"io/fs"
	"os"
)

// A FilePart is a reader of a part of a file of the system. The server sends such
// a part without copying it.
type FilePart interface {
	io.ReadCloser

	// Part returns the file, positioned at the next byte to be read, and how many
	// bytes belong to the part from there on. Don't call Read after Part.
	Part() (f *os.File, n int64)
}

// filePart reads the next bytes of a file, as many as are left of the part.
type filePart struct {
	f    *os.File
	left int64
}

func (p *filePart) Part() (*os.File, int64) { return p.f, p.left }

func (p *filePart) Close() error { return p.f.Close() }

func (p *filePart) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n, err := p.f.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	return n, err
}

// WriteTo lets the system copy where the system can.
func (p *filePart) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, io.LimitReader(p.f, p.left))
	p.left -= n
	return n, err
}

// part returns a reader of an open file, from an offset to the end that sessions may
// see.
func (d *Dir) part(f *os.File, offset int64) (io.ReadCloser, error) {
	if d.Uploads == InPlace {
		return f, seek(f, offset)
	}
	size, err := d.size(f)
	switch {
	case err != nil:
		return nil, err
	case offset < 0:
		return nil, fs.ErrInvalid
	case offset > size:
		return nil, ErrOffset
	case size == 0: // grow never adds to an empty file
		return f, nil
	}
	if offset > 0 {
		_, err = f.Seek(offset, io.SeekStart)
	}
	return &filePart{f, size - offset}, err
}

// size returns the size of an open file as sessions may see it. Bytes behind a mark
// are being added, or were left by a killed process, and don't count. Another process
// may begin or end to add between any two calls, so mark and size are looked at
// twice.
func (d *Dir) size(f *os.File) (int64, error) {
	for {
		before, _, grew := marked(f)
		fi, err := d.info(f.Stat)
		if err != nil {
			return 0, err
		}
		if fi.Size() <= small {
			return fi.Size(), nil
		}
		now, _, grows := marked(f)
		again, err := f.Stat()
		switch {
		case err != nil:
			return 0, err
		case grew:
			return min(before, fi.Size()), nil
		case grows:
			return min(now, fi.Size()), nil
		case again.Size() == fi.Size():
			return fi.Size(), nil
		}
	}
}
