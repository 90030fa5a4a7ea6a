package driver

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// listBatch bounds how many entries are held at once, so that the memory for a listing
// doesn't depend on the directory and is little while the listing stalls.
const listBatch = 32

// List yields the entries of a directory as the system has them, links as
// links. The directory is open only while the sequence is being used.
func (d *Dir) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return d.list(ctx, name, func(f *os.File, yield func(fs.FileInfo, error) bool) error {
		turn := growing.turns.Load()
		return readdir(ctx, f, func(fi fs.FileInfo) bool {
			return reserved(fi.Name()) || yield(d.entry(name, fi, turn), nil)
		})
	})
}

// Scan lists a directory as List does, on Linux without making garbage.
func (d *Dir) Scan(ctx context.Context, self FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if self != FS(d) {
		return self.List(ctx, name)
	}
	return d.scan(ctx, name, nameOnly)
}

// entry returns an entry of a listing as sessions may see it. If any file began or
// ended to grow since the listing began, entry describes the file anew.
func (d *Dir) entry(dir string, fi fs.FileInfo, turn uint64) fs.FileInfo {
	if !fi.Mode().IsRegular() || growing.turns.Load() == turn {
		return d.seen(fi)
	}
	p := filepath.Join(filepath.FromSlash(dir), fi.Name())
	if now, err := d.info(func() (fs.FileInfo, error) { return d.root.Lstat(p) }); err == nil {
		return now
	}
	return d.seen(fi)
}

// list returns a sequence of the entries that read yields for the open directory.
func (d *Dir) list(ctx context.Context, name string, read func(*os.File, func(fs.FileInfo, error) bool) error) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		p, err := begin(ctx, "list", name)
		if err != nil {
			yield(nil, err)
			return
		}
		f, err := openDirectory(d.root, p)
		if err != nil {
			yield(nil, d.fail("list", name, err))
			return
		}
		defer f.Close()
		err = read(f, yield)
		if err != nil {
			yield(nil, d.fail("list", name, err))
		}
	}
}

// openDirectory opens a directory for reading. Anything else is refused before
// it is opened where the system can, since opening a FIFO may block.
func openDirectory(root *os.Root, p string) (*os.File, error) {
	if onlyDir == 0 {
		if fi, err := root.Stat(p); err != nil {
			return nil, err
		} else if !fi.IsDir() {
			return nil, ErrNotDir
		}
	}
	return root.OpenFile(p, os.O_RDONLY|onlyDir|noBlock, 0)
}

// readdir calls each for the entries of f until it returns false. An entry that
// the system can't describe (EACCES, ESTALE) is left out.
func readdir(ctx context.Context, f *os.File, each func(fs.FileInfo) bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		infos, err := f.Readdir(listBatch)
		for _, fi := range infos {
			if !each(fi) {
				return nil
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !badEntry(err):
			return err
		}
	}
}

// badEntry reports whether an error of Readdir is about one entry, so that the next
// call goes on behind that entry. A test checks the name of the operation.
func badEntry(err error) bool {
	at, ok := err.(*fs.PathError)
	return ok && at.Op == "fstatat"
}
