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
	if s.t != nil {
		s.t.Helper()
	}
	if err := write(context.Background(), s.FS, name, strings.NewReader(content)); err != nil {
		s.fatal("write %s: %v", name, err)
	}
}

// ReadFile returns what a file holds now. That an upload has arrived is certain
// as soon as its client has read the 226 reply. Failure ends the test; to ask
// whether a file exists use FS.Stat.
func (s *Server) ReadFile(name string) string {
	if s.t != nil {
		s.t.Helper()
	}
	content, err := s.read(context.Background(), name)
	if err != nil {
		s.fatal("read %s: %v", name, err)
	}
	return content
}

// seed copies a tree.
func seed(ctx context.Context, to driver.FS, from fs.FS) error {
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return mkdirs(ctx, to, name)
		}
		file, err := from.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		return write(ctx, to, name, file)
	})
}

func write(ctx context.Context, fsys driver.FS, name string, content io.Reader) error {
	name, err := wire.Resolve(".", name)
	if err != nil {
		return err
	}
	if err := mkdirs(ctx, fsys, path.Dir(name)); err != nil {
		return err
	}
	up, err := fsys.Store(ctx, name, driver.How{})
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

func (s *Server) read(ctx context.Context, name string) (string, error) {
	name, err := wire.Resolve(".", name)
	if err != nil {
		return "", err
	}
	file, err := s.FS.Open(ctx, name, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	return string(content), err
}
