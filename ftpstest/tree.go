package ftpstest

import (
	"context"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

// Files returns a view of the server's files as they are at each look, for
// [fs.ReadFile], [fs.Glob], [fs.WalkDir] and the like.
func (s *Server) Files() fs.FS {
	if s.FS == nil {
		s.fatal("Config has a Driver and no FS, so there are no files to look at")
	}
	return tree{s.FS}
}

// tree makes an fs.FS of a driver.FS.
type tree struct{ files driver.FS }

// Open implements fs.FS.
func (t tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	info, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		entries, err := t.ReadDir(name)
		return &openDir{info: info, entries: entries}, err
	}
	r, err := t.files.Open(context.Background(), name, 0)
	if err != nil {
		return nil, err
	}
	return openFile{r, info}, nil
}

// Stat implements fs.StatFS.
func (t tree) Stat(name string) (fs.FileInfo, error) {
	return t.files.Stat(context.Background(), name)
}

// ReadDir implements fs.ReadDirFS.
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	for info, err := range t.files.List(context.Background(), name) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// openFile is a file being read.
type openFile struct {
	io.ReadCloser
	info fs.FileInfo
}

// Stat implements fs.File.
func (f openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// openDir is a directory being read.
type openDir struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

// Stat implements fs.File.
func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }

// Read implements fs.File.
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: driver.ErrIsDir}
}

// Close implements fs.File.
func (d *openDir) Close() error { return nil }

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.entries)
	} else if len(d.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.entries))
	part := d.entries[:n:n]
	d.entries = d.entries[n:]
	return part, nil
}
