package driver_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// adding are the two kinds of upload that keep the three bytes of a file.
var adding = map[string]driver.StoreOptions{"APPE": {Append: true}, "REST": {Offset: 3}}

// noVirus refuses content that has the word, and calls meanwhile before it agrees.
func noVirus(meanwhile func()) func(context.Context, *driver.Inspection) error {
	return func(_ context.Context, up *driver.Inspection) error {
		r, err := up.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		switch {
		case err != nil:
			return err
		case strings.Contains(string(data), "VIRUS"):
			return errInfected
		}
		meanwhile()
		return nil
	}
}

// content returns the content of a file, empty for one that is not there.
func content(ctx context.Context, fsys driver.FS, name string) string {
	r, err := fsys.Open(ctx, name, 0)
	if err != nil {
		return ""
	}
	defer r.Close()
	b, _ := io.ReadAll(r)
	return string(b)
}

// An upload ends in the directory where it began, whatever name that directory has
// by then. Inspect looks at the file that the upload adds to.
func TestInspectOfDirectoryThatMoves(t *testing.T) {
	for name, open := range staging {
		for verb, opts := range adding {
			t.Run(name+" "+verb, func(t *testing.T) {
				within, ctx := open(t), t.Context()
				require.NoError(t, within.Mkdir(ctx, "d"))
				write(t, within, "d/x", "VIR")
				f := driver.Inspect(within, noVirus(func() {}))
				u := begun(t, f, "d/x", "US", opts)
				if err := f.Rename(ctx, "d", "e"); err == nil {
					require.NoError(t, f.Mkdir(ctx, "d"))
					write(t, within, "d/x", "ok-")
				}
				err := u.Commit()
				_ = u.Close(err)
				for _, file := range []string{"d/x", "e/x"} {
					assert.NotContains(t, content(ctx, within, file), "VIRUS", "%s, Commit: %v", file, err)
				}
			})
		}
	}
}

// Commit is refused if another file has taken the name during the look: accept has
// not seen it together with the added bytes.
func TestInspectOfFileThatChanges(t *testing.T) {
	for name, open := range staging {
		for verb, opts := range adding {
			t.Run(name+" "+verb, func(t *testing.T) {
				within, ctx := open(t), t.Context()
				write(t, within, "x", "ok-")
				write(t, within, "first", "VIR")
				var moved error
				f := driver.Inspect(within, noVirus(func() { moved = within.Rename(ctx, "first", "x") }))
				err := store(ctx, f, "x", "US", opts)
				assert.NotContains(t, content(ctx, within, "x"), "VIRUS")
				if moved == nil {
					assert.ErrorIs(t, err, driver.ErrChanged)
					assert.Equal(t, "VIR", content(ctx, within, "x"))
				}
			})
		}
	}
}

// Commit is refused as well if the name was free and is taken during the look, or
// if the file is removed.
func TestInspectOfFileThatComesOrGoes(t *testing.T) {
	for name, open := range staging {
		t.Run(name, func(t *testing.T) {
			within, ctx := open(t), t.Context()
			var change func() error
			f := driver.Inspect(within, noVirus(func() { assert.NoError(t, change()) }))
			if name != "Limit" { // refuses both
				write(t, within, "first", "VIR")
				change = func() error { return within.Rename(ctx, "first", "free") }
				assert.ErrorIs(t, store(ctx, f, "free", "US", driver.StoreOptions{Append: true}), driver.ErrChanged)
				assert.Equal(t, "VIR", content(ctx, within, "free"))

				write(t, within, "x", "ok-")
				change = func() error { return within.Remove(ctx, "x") }
				assert.ErrorIs(t, store(ctx, f, "x", "US", driver.StoreOptions{Append: true}), driver.ErrChanged)
				assert.Empty(t, content(ctx, within, "x"))
			}
			change = func() error { return nil }
			assert.NoError(t, store(ctx, f, "x", "fine", driver.StoreOptions{Append: true}))
			assert.Equal(t, "fine", content(ctx, within, "x"))
		})
	}
}

// Uploads by two names of one file don't wait for one another, so the second Commit
// must not add to content that accept has not seen.
func TestInspectOfFileWithTwoNames(t *testing.T) {
	for _, size := range []int{1, 1 << 17} { // below and above what a Dir adds to in place
		for kind, link := range map[string]func(from, to string) error{"symbolic": os.Symlink, "hard": os.Link} {
			path, ctx := t.TempDir(), t.Context()
			d := openDir(t, path)
			write(t, d, "x", strings.Repeat("-", size)+"V")
			from := "x"
			if kind == "hard" {
				from = filepath.Join(path, from)
			}
			if err := link(from, filepath.Join(path, "l")); err != nil {
				t.Skip("no links here: ", err)
			}
			var f driver.FS
			first := true
			f = driver.Inspect(d, noVirus(func() {
				if first {
					first = false
					assert.NoError(t, store(ctx, f, "x", "I", driver.StoreOptions{Append: true}))
				}
			}))
			err := store(ctx, f, "l", "RUS", driver.StoreOptions{Append: true})
			assert.True(t, errors.Is(err, driver.ErrChanged) || errors.Is(err, errInfected), "%s link, %d bytes: %v", kind, size, err)
			assert.Contains(t, content(ctx, d, "x"), "-VI", "%s link, %d bytes", kind, size)
			for _, name := range []string{"x", "l"} {
				assert.NotContains(t, content(ctx, d, name), "VIRUS", "%s link, %d bytes, Commit: %v", kind, size, err)
			}
		}
	}
}

// The file that an upload without KeptReader adds to is compared by name.
func TestInspectWithoutKeptReader(t *testing.T) {
	within, ctx := driver.Mem(), t.Context()
	for verb, opts := range adding {
		write(t, within, "x", "ok-")
		write(t, within, "first", "VIR")
		f := driver.Inspect(stagedOnly{within}, noVirus(func() { assert.NoError(t, within.Rename(ctx, "first", "x")) }))
		assert.ErrorIs(t, store(ctx, f, "x", "US", opts), driver.ErrChanged, verb)
		assert.Equal(t, "VIR", content(ctx, within, "x"), verb)
		assert.ErrorIs(t, store(ctx, f, "x", "US", opts), errInfected, verb)
		f = driver.Inspect(stagedOnly{within}, accepting)
		assert.NoError(t, store(ctx, f, "x", "tue", opts), verb)
		assert.Equal(t, "VIRtue", content(ctx, within, "x"), verb)
	}
}

// stagedOnly is an FS whose uploads are StagedReaders and no KeptReaders.
type stagedOnly struct{ driver.FS }

func (s stagedOnly) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := s.FS.Store(ctx, name, opts)
	return stagedUpload{u}, err
}

type stagedUpload struct{ driver.Upload }

func (u stagedUpload) OpenStaged() (io.ReadCloser, error) { return driver.OpenStaged(u.Upload) }
