package driver

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// Dir is a directory of the system as an FS. It stands on [os.Root]: whatever a
// client or another process does with names and symbolic links, nothing outside
// of the directory is reached. Links in it must be relative to be followed.
//
// A Dir also sets times, permission bits and, on Unix, groups, makes and reads
// links, and knows the free space. It serves regular files only: FIFOs, sockets
// and devices are listed, and may be renamed and removed, but never opened. Names
// that begin with ".sallyport-" are its own, for uploads in progress. Names are
// bytes as the system has them; where the system wants UTF-8 (Windows, macOS),
// other names are errors.
//
// The fields are set before the first use and not changed afterwards; all
// methods may then be called concurrently. A Dir comes from [OpenDir].
type Dir struct {
	// Uploads says where an upload is kept before Commit. The zero value is
	// Atomic.
	Uploads Uploads

	// FileMode is the permission bits of a new file, whatever the process's
	// umask. Zero means 0666 less the umask. A file that replaces another
	// keeps the bits of the old one.
	FileMode fs.FileMode

	// DirMode is the permission bits of a new directory, whatever the
	// process's umask. Zero means 0777 less the umask.
	DirMode fs.FileMode

	// Sync makes Commit wait until the data is on the disk (fsync). The data then
	// survives a loss of power, and so do names that are made, changed and
	// removed. Sync costs most of the speed of storing small files. If the disk
	// fails after the file has its name, the error is an *Error with code 451
	// that says so.
	//
	// Without Sync a loss of power may take what was stored in the last
	// seconds; docs/embedding.md says what each file system may lose.
	Sync bool

	// Owners says what listings show of a file's owner and group. The zero
	// value is OwnerNames.
	Owners Owners

	root *os.Root
	is   fs.FileInfo // describes root
	live sync.Map    // names of the temporary files of uploads in progress

	users, groups idNames
}

// Uploads is where an upload is kept before it is complete.
type Uploads int

const (
	// Atomic keeps an upload in a hidden file of the same directory until
	// Commit, which puts it in place in one step. Nobody ever sees a part of
	// a file, and when an upload is cut the old file is whole. Writing needs
	// permission on the directory; a file without any write bit isn't
	// replaced. In a directory to which chattr(1) on Linux only lets files be
	// added, the file has no name until Commit.
	//
	// Append and Offset copy the bytes they keep in Commit, by reference where
	// the file system can (XFS, Btrfs) and with holes as holes. Elsewhere what
	// is added to a large file is copied behind the end of the file, and so
	// costs twice its own size instead of the size of the file; for a moment
	// other programs can then see the file grow, but no session of this process
	// does. If the process is killed in that moment, the new bytes are removed
	// by whoever changes the file next, or by [Dir.Sweep]. Adding in this way
	// needs extended attributes (Linux); without such attributes the file is
	// copied.
	//
	// Changes of a file wait for one another for up to ten seconds, and are
	// ErrBusy after that. This holds between processes too, where the system and
	// the file system have locks: OFD locks on Linux, flock on BSD and macOS.
	// Linux needs flock too, for a file that processes may read but not write;
	// NFS has no flock for such a file.
	Atomic Uploads = iota

	// InPlace writes into the file itself, so that a client whose transfer was
	// cut can look at the size and resume. Without Append or Offset the old
	// content is gone when Store returns. While a file is being written another
	// upload to it is ErrBusy, unless both append. If a program that takes no
	// lock changes the file meanwhile, an upload with an Offset is ErrChanged as
	// far as the change can be seen, and so is an upload without Append if the
	// file is not as long in Commit as the upload has made it. The file then
	// stays as it is.
	InPlace
)

// Owners is what a listing shows of a file's owner and group.
type Owners int

const (
	// OwnerNames shows the system's names, or numbers where there is none.
	OwnerNames Owners = iota
	// OwnerNumbers shows numbers.
	OwnerNumbers
	// OwnersHidden shows neither.
	OwnersHidden
)

// OpenDir opens a directory. The Dir stays with the directory even if the
// directory is renamed. If the directory is removed, and perhaps made again,
// every call fails with an error that the server logs at level ERROR. Close the
// Dir when no session uses it any more.
func OpenDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("driver: open directory: %w", err)
	}
	is, err := root.Stat(".")
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("driver: open directory: %w", err)
	}
	return &Dir{root: root, is: is}, nil
}

// Close closes the directory. Uploads in progress can still be committed;
// anything else fails with [fs.ErrClosed] from now on.
func (d *Dir) Close() error { return d.root.Close() }

// Stat describes a file, following links.
func (d *Dir) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	p, err := begin(ctx, "stat", name)
	if err != nil {
		return nil, err
	}
	fi, err := d.info(func() (fs.FileInfo, error) { return d.root.Stat(p) })
	if err == nil && name == "." {
		err = d.gone(nil)
	}
	if err != nil {
		return nil, d.fail("stat", name, err)
	}
	return fi, nil
}

// Open opens a regular file. The reader is a FilePart that ends where the file
// ends now, whatever is added to it meanwhile; in place it is an *os.File. A file
// of size 0 whose content the system makes up when it is read, as in /proc, is
// read to its end.
func (d *Dir) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	p, err := begin(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	f, err := openRegular(d.root, p, os.O_RDONLY, 0)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	r, err := d.part(f, offset)
	if err != nil {
		f.Close()
		return nil, d.fail("open", name, err)
	}
	return r, nil
}

// seek goes to an offset that must lie within the file.
func seek(f *os.File, offset int64) error {
	if offset == 0 {
		return nil
	}
	switch fi, err := f.Stat(); {
	case err != nil:
		return err
	case offset < 0:
		return fs.ErrInvalid
	case offset > fi.Size():
		return ErrOffset
	}
	_, err := f.Seek(offset, io.SeekStart)
	return err
}

// openRegular opens a regular file. The first Stat keeps openRegular from opening
// a device, which can have effects of its own. The second one, together with
// noBlock, refuses a device or FIFO that was swapped in between.
func openRegular(root *os.Root, p string, flag int, perm fs.FileMode) (*os.File, error) {
	if fi, err := root.Stat(p); err == nil {
		if err := regular(fi); err != nil {
			return nil, err
		}
	} else if flag&os.O_CREATE == 0 {
		return nil, err
	}
	f, err := root.OpenFile(p, flag|noBlock|anySize, perm)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = regular(fi)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// regular refuses what is not a regular file.
func regular(fi fs.FileInfo) error {
	switch {
	case fi.IsDir():
		return ErrIsDir
	case !fi.Mode().IsRegular():
		return fmt.Errorf("not a regular file: %w", fs.ErrPermission)
	}
	return nil
}

// begin makes the checks that every method begins with, and returns the name as
// package os takes it.
func begin(ctx context.Context, op, name string) (string, error) {
	p, err := local(op, name)
	if err != nil {
		return "", err
	}
	return p, ctx.Err()
}
