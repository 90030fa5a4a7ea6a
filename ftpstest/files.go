package ftpstest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// WriteFile puts a file where clients find it, replacing what was there, and
// makes the directories above it. The name counts from the root, with or
// without a slash in front. Failure ends the test.
func (s *Server) WriteFile(name, content string) {
	s.t.Helper()
	if err := s.write(context.Background(), name, content); err != nil {
		s.t.Fatalf("ftpstest: write %s: %v", name, err)
	}
}

// ReadFile returns what a file holds now. That an upload has arrived is certain
// as soon as its client has read the 226 reply. Failure ends the test; to ask
// whether a file exists use FS.Stat.
func (s *Server) ReadFile(name string) string {
	s.t.Helper()
	content, err := s.read(context.Background(), name)
	if err != nil {
		s.t.Fatalf("ftpstest: read %s: %v", name, err)
	}
	return content
}

func (s *Server) write(ctx context.Context, name, content string) error {
	name, err := wire.Resolve(".", name)
	if err != nil {
		return err
	}
	if err := mkdirs(ctx, s.FS, path.Dir(name)); err != nil {
		return err
	}
	up, err := s.FS.Store(ctx, name, driver.How{})
	if err != nil {
		return err
	}
	_, err = io.WriteString(up, content)
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
