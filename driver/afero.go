package driver

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"sync"

	"github.com/spf13/afero"
	"github.com/spf13/afero/mem"
)

// Afero serves an [afero.Fs]. Names reach it with a leading slash, the root
// being "/".
//
// Uploads are atomic where Rename of the file system is: an upload is a
// temporary file of the same directory, whose name begins with ".sallyport-",
// until Commit renames it. Such names are hidden and refused. Where Rename
// doesn't replace a file (afero's SFTP), Commit moves the old file aside for a
// moment and puts it back if that fails. Where Rename is not supported at all,
// Commit copies, and others may then see a part of the file. A temporary file
// that a crash left behind stays. The name of a symbolic link becomes that of the
// new file, and the file that the link led to stays as it was; [Dir] replaces that
// file instead. While there is an upload into a directory,
// RemoveDir is ErrNotEmpty with the code 450.
//
// An upload that adds to a file, or keeps its beginning, copies the kept bytes in
// Commit. Commit notices by size and time that another program has changed the
// file meanwhile.
//
// Each call checks what the contract demands before acting, since file systems
// differ in what they refuse. To make the checks reliable, changes of one name
// made through one FS wait for one another, each as long as its context lasts, and
// a look-up of a name waits while the name is given to another file or taken away.
// Several names of one file, by links to its directory, count as one where the
// file system tells the numbers of directories (OsFs on Unix). How well names are
// contained is up to fsys: [afero.BasePathFs] follows links out of its base, [Dir]
// doesn't.
//
// The FS sets times and permission bits. Further abilities of fsys are found by
// these methods, which drivers of ftpserverlib have,
//
//	RemoveDir(name string) error                      RemoveDir, instead of Remove
//	ReadDir(name string) ([]os.FileInfo, error)       List, instead of Open and Readdir
//	GetAvailableSpace(dirName string) (int64, error)  Space
//	Symlink(oldname, newname string) error            Symlink
//
// and by afero's SymlinkIfPossible, ReadlinkIfPossible and LstatIfPossible for
// symbolic links. ReadDir holds all of a directory in memory. The server never
// closes fsys.
func Afero(fsys afero.Fs) FS {
	return &aferoFS{fs: fsys, uploads: make(map[*aferoUpload]struct{})}
}

type aferoFS struct {
	fs    afero.Fs
	locks lockTable // see afero_lock.go

	mu      sync.Mutex
	uploads map[*aferoUpload]struct{} // in progress
}

// begin makes the checks that every method begins with, and returns the name as
// the file system knows it.
func (a *aferoFS) begin(ctx context.Context, op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", fail(op, name, fs.ErrInvalid) // nobody knows what the file system does with names that are not UTF-8
	}
	p, err := begin(ctx, op, name)
	if err != nil {
		return "", err
	}
	// On Windows BasePathFs takes no rooted path.
	if filepath.Separator != '/' {
		return p, nil
	}
	return path.Join("/", p), nil
}

// stat describes the file or directory p. An answer without description and
// without error counts as fs.ErrNotExist.
func (a *aferoFS) stat(p string) (fs.FileInfo, error) {
	fi, err := a.fs.Stat(p)
	if err == nil && fi == nil {
		err = fs.ErrNotExist
	}
	return fi, err
}

// parent returns an error unless the parent of p is a directory.
func (a *aferoFS) parent(p string) error {
	fi, err := a.stat(filepath.Dir(p))
	if err == nil && !fi.IsDir() {
		err = ErrNotDir
	}
	return err
}

func (a *aferoFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	p, err := a.begin(ctx, "stat", name)
	if err != nil {
		return nil, err
	}
	unlock, err := a.holdName(ctx, p)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	defer unlock()
	fi, err := a.stat(p)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return aferoStat(fi, path.Base(name)), nil
}

// aferoStat copies a FileInfo under the name base, because a FileInfo of MemMapFs
// changes with its file.
func aferoStat(fi fs.FileInfo, base string) fs.FileInfo {
	mode := fi.Mode() &^ fs.ModeTemporary // a mark of MemMapFs
	if fi.IsDir() {
		mode |= fs.ModeDir
	}
	size := fi.Size()
	if mode.IsDir() {
		size = 0
	}
	return aferoInfo{memInfo{name: base, size: size, mode: mode, modTime: fi.ModTime()}, fi.Sys()}
}

type aferoInfo struct {
	memInfo
	sys any
}

func (i aferoInfo) Sys() any   { return i.sys }
func (i aferoInfo) ID() string { return sysID(i) }

func (a *aferoFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		p, err := a.begin(ctx, "list", name)
		if err == nil {
			err = a.list(ctx, p, func(fi fs.FileInfo) bool { return yield(fi, nil) })
		}
		if err != nil {
			yield(nil, fail("list", name, err))
		}
	}
}

func (a *aferoFS) list(ctx context.Context, p string, yield func(fs.FileInfo) bool) error {
	fi, err := a.stat(p)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return ErrNotDir
	}
	next, closeDir, err := a.readDir(ctx, p)
	if err != nil {
		return err
	}
	defer closeDir()
	for {
		infos, err := next()
		for i, fi := range infos {
			if i%listBatch == listBatch-1 && ctx.Err() != nil {
				return ctx.Err()
			}
			base := path.Base(filepath.ToSlash(fi.Name()))
			if !reserved(base) && !yield(aferoStat(fi, base)) {
				return nil
			}
		}
		switch {
		case err == io.EOF, err == nil && len(infos) == 0:
			return nil
		case err != nil && !badEntry(err):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

func (a *aferoFS) batch(ctx context.Context, p string, f afero.File) ([]fs.FileInfo, error) {
	unlock, err := a.holdName(ctx, p)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if isMem(f) {
		infos, err := f.Readdir(-1)
		return infos, cmp.Or(err, io.EOF)
	}
	return f.Readdir(listBatch)
}

// isMem reports whether f is a directory of afero's MemMapFs, whose entries are in
// memory anyway. Such a directory must be read at once: if entries are removed
// between two batches MemMapFs panics, with a lock held that makes the whole file
// system unusable.
//
// isMem goes by the type of the FileInfo, which afero's wrappers (BasePathFs,
// RegexpFs) hand on.
func isMem(f afero.File) bool {
	fi, err := f.Stat()
	_, ok := fi.(*mem.FileInfo)
	return err == nil && ok
}

func (a *aferoFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	p, err := a.begin(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	unlock, err := a.holdName(ctx, p)
	if err != nil {
		return nil, fail("open", name, err)
	}
	defer unlock()
	f, fi, err := a.open(p)
	if err != nil {
		return nil, fail("open", name, err)
	}
	if err := skipOrClose(ctx, f, offset, fi.Size()); err != nil {
		return nil, fail("open", name, err)
	}
	return f, nil
}

// open opens a regular file. It refuses a directory by Stat, because some file
// systems open a directory like a file.
func (a *aferoFS) open(p string) (afero.File, fs.FileInfo, error) {
	fi, err := a.stat(p)
	if err == nil {
		err = regular(aferoStat(fi, ""))
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := a.fs.Open(p)
	return f, fi, err
}

// empty returns ErrNotEmpty if a directory has entries.
func (a *aferoFS) empty(p string) error {
	if r, ok := a.fs.(aferoDirReader); ok {
		infos, err := r.ReadDir(p)
		if len(infos) > 0 {
			return ErrNotEmpty
		}
		return err
	}
	f, err := a.fs.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	if len(names) > 0 {
		return ErrNotEmpty
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
