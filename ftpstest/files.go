package ftpstest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// WriteFile puts a file where clients find it, replacing what was there, and
// makes the directories above it. The name counts from the root, with or
// without a slash in front. Failure ends the test.
func (s *Server) WriteFile(name, content string) {
	s.t.Helper()
	if err := s.write(name, content); err != nil {
		s.fatal("write %s: %v", name, err)
	}
}

// ReadFile returns what a file holds now. An upload is certain to have arrived
// once its client has read the 226 reply; WaitFile waits for it. Failure ends
// the test, unlike a failure to read from Files.
func (s *Server) ReadFile(name string) string {
	s.t.Helper()
	content, err := s.read(name)
	if err != nil {
		s.fatal("read %s: %v", name, err)
	}
	return content
}

// List returns the names of all files, from the root, without a slash in front
// and in order. Failure ends the test.
func (s *Server) List() []string {
	s.t.Helper()
	names, err := list(s.Files())
	if err != nil {
		s.fatal("list: %v", err)
	}
	return names
}

// write is WriteFile without a test.
func (s *Server) write(name, content string) error {
	name, err := wire.Resolve(".", name)
	if err != nil {
		return err
	}
	return write(s.FS, name, strings.NewReader(content))
}

// read is ReadFile without a test.
func (s *Server) read(name string) (string, error) {
	name, err := wire.Resolve(".", name)
	if err != nil {
		return "", err
	}
	content, err := fs.ReadFile(s.Files(), name)
	return string(content), err
}

// write stores a file and makes the directories above it.
func write(fsys driver.FS, name string, content io.Reader) error {
	ctx := context.Background()
	if err := mkdirs(ctx, fsys, path.Dir(name)); err != nil {
		return err
	}
	up, err := fsys.Store(ctx, name, driver.StoreOptions{})
	if err != nil {
		return err
	}
	_, err = io.Copy(up, content)
	if err == nil {
		err = up.Commit()
	}
	return errors.Join(err, up.Close(err))
}

func mkdirs(ctx context.Context, fsys driver.FS, dir string) error {
	if dir == "." {
		return nil
	}
	if err := mkdirs(ctx, fsys, path.Dir(dir)); err != nil {
		return err
	}
	if err := fsys.Mkdir(ctx, dir); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// seed copies a tree.
func seed(to driver.FS, from fs.FS) error {
	if to == nil {
		return errors.New("without FS there is nowhere to put Seed")
	}
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return mkdirs(context.Background(), to, name)
		}
		file, err := from.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		return write(to, name, file)
	})
}

// list names the files of a tree.
func list(files fs.FS) (names []string, err error) {
	err = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}
