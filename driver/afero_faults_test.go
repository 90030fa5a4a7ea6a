package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// aferoFault is an afero.Fs in which one call goes wrong, and which counts the
// files that are open.
type aferoFault struct {
	afero.Fs
	calls, at int // the call that goes wrong; 0 is none
	panics    bool
	fixed     bool // files can't be renamed
	open      int
	removed   bool // the call that goes wrong removes something
}

var errAfero = errors.New("afero is at fault")

func (a *aferoFault) hit(remove bool) error {
	if a.calls++; a.calls != a.at {
		return nil
	}
	a.removed = remove
	if a.panics {
		panic(errAfero)
	}
	return errAfero
}

func (a *aferoFault) Stat(name string) (os.FileInfo, error) {
	if err := a.hit(false); err != nil {
		return nil, err
	}
	return a.Fs.Stat(name)
}

func (a *aferoFault) Open(name string) (afero.File, error) {
	return a.OpenFile(name, os.O_RDONLY, 0)
}

func (a *aferoFault) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if err := a.hit(false); err != nil {
		return nil, err
	}
	f, err := a.Fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	a.open++
	return &aferoFaultFile{File: f, a: a}, nil
}

func (a *aferoFault) Mkdir(name string, perm os.FileMode) error {
	if err := a.hit(false); err != nil {
		return err
	}
	return a.Fs.Mkdir(name, perm)
}

func (a *aferoFault) Remove(name string) error {
	if err := a.hit(true); err != nil {
		return err
	}
	return a.Fs.Remove(name)
}

func (a *aferoFault) Rename(from, to string) error {
	if a.fixed {
		return errors.ErrUnsupported
	}
	if err := a.hit(false); err != nil {
		return err
	}
	return a.Fs.Rename(from, to)
}

func (a *aferoFault) Chmod(name string, mode os.FileMode) error {
	if err := a.hit(false); err != nil {
		return err
	}
	return a.Fs.Chmod(name, mode)
}

type aferoFaultFile struct {
	afero.File
	a      *aferoFault
	closed bool
}

func (f *aferoFaultFile) Read(p []byte) (int, error) {
	if err := f.a.hit(false); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *aferoFaultFile) Seek(offset int64, whence int) (int64, error) {
	if err := f.a.hit(false); err != nil {
		return 0, err
	}
	return f.File.Seek(offset, whence)
}

func (f *aferoFaultFile) Write(p []byte) (int, error) {
	if err := f.a.hit(false); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *aferoFaultFile) Readdir(n int) ([]os.FileInfo, error) {
	if err := f.a.hit(false); err != nil {
		return nil, err
	}
	return f.File.Readdir(n)
}

func (f *aferoFaultFile) Readdirnames(n int) ([]string, error) {
	if err := f.a.hit(false); err != nil {
		return nil, err
	}
	return f.File.Readdirnames(n)
}

func (f *aferoFaultFile) Close() error {
	if !f.closed {
		f.closed = true
		f.a.open--
	}
	if err := f.a.hit(false); err != nil {
		return err
	}
	return f.File.Close()
}

// Whichever call of the file system fails or panics, files are closed, temporary files
// are gone, nothing is locked, and a file has the old content or the new one.
func TestAferoFaults(t *testing.T) {
	for _, panics := range []bool{false, true} {
		for name, op := range aferoOperations {
			t.Run(fmt.Sprint(name, " panics ", panics), func(t *testing.T) {
				for at := 1; ; at++ {
					a := &aferoFault{Fs: aferoTree(t), panics: panics, fixed: name == "store by copying"}
					fsys := driver.Afero(a)
					a.at = at
					err := func() (err error) {
						defer func() {
							if p := recover(); p != nil {
								err = errAfero
							}
						}()
						return op(t.Context(), fsys)
					}()
					if a.calls < at {
						require.NoError(t, err)
						return
					}
					what := fmt.Sprintf("call %d went wrong and the operation said %v", at, err)
					require.Zero(t, a.open, "files are open: %s", what)
					a.at = 0
					if !a.fixed {
						aferoWhole(t, a, what)
					}
					if err != nil {
						require.NoError(t, op(t.Context(), fsys), "again: %s", what)
					}
				}
			})
		}
	}
}

func aferoTree(t *testing.T) afero.Fs {
	m := afero.NewMemMapFs()
	require.NoError(t, m.MkdirAll("/d/e", 0o755))
	require.NoError(t, afero.WriteFile(m, "/a", []byte("the old file"), 0o640))
	return m
}

// aferoWhole checks, without the faults, that no temporary file is left and that the file
// has the old content or the new one.
func aferoWhole(t *testing.T, a *aferoFault, what string) {
	infos, err := afero.ReadDir(a.Fs, "/")
	require.NoError(t, err)
	for _, fi := range infos {
		// A temporary file that could not be removed stays.
		require.False(t, !a.removed && strings.HasPrefix(fi.Name(), ".sallyport-"), "%s is left: %s", fi.Name(), what)
	}
	data, err := afero.ReadFile(a.Fs, "/a")
	if errors.Is(err, fs.ErrNotExist) {
		data, err = afero.ReadFile(a.Fs, "/b")
	}
	require.NoError(t, err, what)
	require.Contains(t, []string{"the old file", "the new file", "the old file, and more"}, string(data), what)
}

var aferoOperations = map[string]func(ctx context.Context, fsys driver.FS) error{
	"store": func(ctx context.Context, fsys driver.FS) error {
		return aferoStore(ctx, fsys, "the new file", driver.StoreOptions{})
	},
	"store by copying": func(ctx context.Context, fsys driver.FS) error {
		return aferoStore(ctx, fsys, "the new file", driver.StoreOptions{})
	},
	"offset": func(ctx context.Context, fsys driver.FS) error {
		return aferoStore(ctx, fsys, "new file", driver.StoreOptions{Offset: 4})
	},
	"append": func(ctx context.Context, fsys driver.FS) error {
		return aferoStore(ctx, fsys, ", and more", driver.StoreOptions{Append: true})
	},
	"read": func(ctx context.Context, fsys driver.FS) error {
		r, err := fsys.Open(ctx, "a", 4)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.ReadAll(r)
		return err
	},
	"list": func(ctx context.Context, fsys driver.FS) error {
		for _, err := range fsys.List(ctx, ".") {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"rmdir":  func(ctx context.Context, fsys driver.FS) error { return fsys.RemoveDir(ctx, "d/e") },
	"mkdir":  func(ctx context.Context, fsys driver.FS) error { return fsys.Mkdir(ctx, "new") },
	"rename": func(ctx context.Context, fsys driver.FS) error { return fsys.Rename(ctx, "a", "b") },
}

func aferoStore(ctx context.Context, fsys driver.FS, data string, opts driver.StoreOptions) error {
	u, err := fsys.Store(ctx, "a", opts)
	if err != nil {
		return err
	}
	defer u.Close(io.ErrUnexpectedEOF)
	if _, err := io.WriteString(u, data); err != nil {
		return err
	}
	return u.Commit()
}

// outrunFs is an afero.Fs in which another program does something when a file of some
// name is opened.
type outrunFs struct {
	afero.Fs
	when func(name string) bool
	do   func()
	done int
}

func (o *outrunFs) Open(name string) (afero.File, error) {
	if o.when(name) {
		o.done++
		o.do()
	}
	return o.Fs.Open(name)
}

// Commit loses nothing that a program which knows no locks writes into the file while it
// is copied.
func TestAferoOutrun(t *testing.T) {
	for kind, fsys := range map[string]func(t *testing.T) afero.Fs{
		"memory": func(*testing.T) afero.Fs { return afero.NewMemMapFs() },
		"system": func(t *testing.T) afero.Fs { return afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()) },
	} {
		for name, c := range map[string]struct {
			copied  bool // the old part, when the program comes
			content string
		}{
			"longer": {true, "0123456789other"}, "cut off": {true, "0123"}, "shorter": {false, "01"}, "gone": {false, ""},
		} {
			for _, opts := range []driver.StoreOptions{{Append: true}, {Offset: 8}} {
				t.Run(fmt.Sprint(kind, " ", name, " ", opts), func(t *testing.T) {
					o := &outrunFs{Fs: fsys(t)}
					f := driver.Afero(o)
					write(t, f, "a", "0123456789")
					o.when = func(name string) bool {
						return o.done == 0 && strings.Contains(name, ".sallyport-") == c.copied
					}
					o.do = func() { require.NoError(t, afero.WriteFile(o.Fs, "/a", []byte(c.content), 0o644)) }
					u := begun(t, f, "a", "{new}", opts)
					err := u.Commit()
					require.NoError(t, u.Close(err))
					require.Equal(t, 1, o.done)
					want := c.content
					if opts.Append {
						require.NoError(t, err)
						want += "{new}"
					} else {
						require.ErrorIs(t, err, driver.ErrChanged)
					}
					require.Equal(t, want, read(t, f, "a"))
					require.Equal(t, []string{"a"}, names(t, f, "."))
				})
			}
		}
	}
}

// Commit gives up after some tries if a program writes into the file all the time.
func TestAferoOutrunAllTheTime(t *testing.T) {
	o := &outrunFs{Fs: afero.NewMemMapFs(), when: func(name string) bool { return strings.Contains(name, ".sallyport-") }}
	f := driver.Afero(o)
	content := "old"
	o.do = func() {
		content += "+"
		require.NoError(t, afero.WriteFile(o.Fs, "/a", []byte(content), 0o644))
	}
	write(t, f, "a", content)
	u := begun(t, f, "a", "{new}", driver.StoreOptions{Append: true})
	err := u.Commit()
	require.ErrorIs(t, err, driver.ErrChanged)
	require.NoError(t, u.Close(err))
	require.Greater(t, o.done, 1)
	require.Equal(t, content, read(t, f, "a"))
	require.Equal(t, []string{"a"}, names(t, f, "."))
}
