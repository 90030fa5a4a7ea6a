package driver_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

func allowAll(context.Context, driver.Op, string) error { return nil }

func TestRestrictConforms(t *testing.T) {
	drivertest.Run(t, func(*testing.T) driver.FS { return driver.Restrict(driver.Mem(), allowAll) })
}

func TestRestrictDirConforms(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS { return driver.Restrict(openDir(t, t.TempDir()), allowAll) })
}

func TestRestrictFaults(t *testing.T) {
	drivertest.RunFaults(t, drivertest.Options{}, func(_ *testing.T, fsys driver.FS) driver.FS {
		return driver.Restrict(fsys, allowAll)
	})
}

// restrictedCalls holds a call of each method of FS and of each ability, and the
// questions that the call asks.
var restrictedCalls = map[string]struct {
	asks []string
	call func(ctx context.Context, fsys driver.FS) error
}{
	"Stat":      {[]string{"stat a"}, func(ctx context.Context, f driver.FS) error { _, err := f.Stat(ctx, "a"); return err }},
	"List":      {[]string{"list d", "stat d/f"}, func(ctx context.Context, f driver.FS) error { return last(f.List(ctx, "d")) }},
	"Scan":      {[]string{"list d", "stat d/f"}, func(ctx context.Context, f driver.FS) error { return last(driver.Scan(ctx, f, "d", true)) }},
	"Open":      {[]string{"read a"}, func(ctx context.Context, f driver.FS) error { return closed(f.Open(ctx, "a", 0)) }},
	"Store":     {[]string{"store a", "replace a"}, func(ctx context.Context, f driver.FS) error { return store(ctx, f, "a", "", driver.StoreOptions{}) }},
	"Mkdir":     {[]string{"mkdir n"}, func(ctx context.Context, f driver.FS) error { return f.Mkdir(ctx, "n") }},
	"Remove":    {[]string{"remove a"}, func(ctx context.Context, f driver.FS) error { return f.Remove(ctx, "a") }},
	"RemoveDir": {[]string{"rmdir e"}, func(ctx context.Context, f driver.FS) error { return f.RemoveDir(ctx, "e") }},
	"Rename": {[]string{"rename d", "rename to n", "replace n", "rename d/f", "rename to n/f"}, func(ctx context.Context, f driver.FS) error {
		return f.Rename(ctx, "d", "n")
	}},
	"SetTimes": {[]string{"set times a"}, func(ctx context.Context, f driver.FS) error {
		return driver.SetTimes(ctx, f, "a", driver.Times{})
	}},
	"SetMode":  {[]string{"set mode a"}, func(ctx context.Context, f driver.FS) error { return driver.SetMode(ctx, f, "a", 0o600) }},
	"SetGroup": {[]string{"set group a"}, func(ctx context.Context, f driver.FS) error { return driver.SetGroup(ctx, f, "a", "g") }},
	"Symlink":  {[]string{"symlink n", "symlink to a"}, func(ctx context.Context, f driver.FS) error { return driver.Symlink(ctx, f, "a", "n") }},
	"ReadLink": {[]string{"stat a"}, func(ctx context.Context, f driver.FS) error { _, err := driver.ReadLink(ctx, f, "a"); return err }},
	"Space":    {[]string{"space ."}, func(ctx context.Context, f driver.FS) error { _, err := driver.Space(ctx, f, "."); return err }},
	"CheckStore": {[]string{"store a", "replace a"}, func(ctx context.Context, f driver.FS) error {
		return driver.CheckStore(ctx, f, "a", driver.StoreOptions{})
	}},
	"CheckOp": {[]string{"rename a"}, func(ctx context.Context, f driver.FS) error { return driver.CheckOp(ctx, f, driver.OpRename, "a") }},
	"RemoveSame": {[]string{"remove a"}, func(ctx context.Context, f driver.FS) error {
		info, _ := f.Stat(ctx, "e") // of any file
		return driver.RemoveSame(ctx, f, "a", info)
	}},
	"Checksum": {[]string{"read a"}, func(ctx context.Context, f driver.FS) error {
		_, err := driver.Checksum(ctx, f, "a", "SHA-256", 0, -1)
		return err
	}},
}

// restrictedFiles is an FS whose calls are recorded.
func restrictedFiles(t *testing.T) *drivertest.FaultyFS {
	m := driver.Mem()
	require.NoError(t, errors.Join(m.Mkdir(t.Context(), "d"), m.Mkdir(t.Context(), "e")))
	for _, name := range []string{"a", "d/f"} {
		write(t, m, name, "x")
	}
	return drivertest.Faulty(m)
}

// Every method, including the methods of abilities, asks before doing anything.
// A new method without a row here fails the test.
func TestRestrictAsksAboutEverything(t *testing.T) {
	words := &driver.Error{Code: 553, Text: "Not on a Sunday."}
	for _, method := range methodsOf() {
		row, ok := restrictedCalls[method]
		if !ok {
			assert.Contains(t, []string{"RawNames", "WritesInPlace"}, method, "Restrict must ask about it, and a row must show that")
			continue
		}
		var asked []string
		r := driver.Restrict(restrictedFiles(t), func(_ context.Context, op driver.Op, name string) error {
			if op != "stat" || name != "e" || method != "RemoveSame" {
				asked = append(asked, string(op)+" "+name)
			}
			return nil
		})
		if err := row.call(t.Context(), r); method != "RemoveSame" && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
			assert.NoError(t, err, method)
		}
		assert.Equal(t, row.asks, asked, method)

		for _, refused := range row.asks {
			files := restrictedFiles(t)
			r := driver.Restrict(files, func(_ context.Context, op driver.Op, name string) error {
				if string(op)+" "+name == refused {
					return words
				}
				return nil
			})
			err := row.call(t.Context(), r)
			if strings.HasPrefix(refused, "stat d/") || refused == "replace n" {
				assert.NoError(t, err, "%s: the entry is left out, the name is free", method)
				continue
			}
			assert.ErrorIs(t, err, words, "%s, %s refused", method, refused)
			assert.Subset(t, []string{"Stat", "ReadLink", "List", "List.Next"}, files.Calls(), "%s, %s refused", method, refused)
			assert.NotContains(t, files.Calls(), method)
		}
		assert.ErrorIs(t, row.call(t.Context(), driver.Restrict(restrictedFiles(t), nil)), fs.ErrPermission, method)
	}
	assert.Len(t, restrictedCalls, len(methodsOf())-2)
}

// Every Op can be refused, and some method asks about it.
func TestRestrictOps(t *testing.T) {
	asked := make(map[string]bool)
	for _, row := range restrictedCalls {
		for _, ask := range row.asks {
			asked[ask[:strings.LastIndexByte(ask, ' ')]] = true
		}
	}
	ops := []driver.Op{
		driver.OpStat, driver.OpList, driver.OpRead, driver.OpStore, driver.OpReplace, driver.OpMkdir, driver.OpRemove, driver.OpRemoveDir, driver.OpRename,
		driver.OpRenameTo, driver.OpSetTimes, driver.OpSetMode, driver.OpSetGroup, driver.OpSymlink, driver.OpSymlinkTo, driver.OpSpace,
	}
	want := make(map[string]bool)
	for _, op := range ops {
		want[string(op)] = true
	}
	assert.Equal(t, want, asked)
}

func TestRestrictHidesInListings(t *testing.T) {
	m := driver.Mem()
	for _, name := range []string{"open", "shut", "gone", "worded"} {
		write(t, m, name, "")
	}
	verdicts := map[string]error{"shut": fs.ErrPermission, "gone": fs.ErrNotExist, "worded": &driver.Error{Code: 550, Text: "No."}}
	var mu sync.Mutex
	r := driver.Restrict(m, func(_ context.Context, op driver.Op, name string) error {
		mu.Lock()
		defer mu.Unlock()
		return verdicts[name]
	})
	assert.Equal(t, []string{"open"}, slices.Collect(maps.Keys(all(t, r.List(t.Context(), ".")))))
	assert.Equal(t, []string{"open"}, slices.Collect(maps.Keys(all(t, driver.Scan(t.Context(), r, ".", true)))))

	// A listing must end with an error of allow that is no refusal, rather than
	// seem complete.
	down := errors.New("the database is down")
	for _, err := range []error{down, &driver.Error{Code: 451, Text: "Later.", Err: down}} {
		verdicts["shut"] = err
		assert.ErrorIs(t, last(r.List(t.Context(), ".")), down)
	}
}

// A session that may store and not replace changes no file that is there, not
// even one that appears meanwhile.
func TestRestrictReplace(t *testing.T) {
	for _, fsys := range []driver.FS{driver.Mem(), openDir(t, t.TempDir()), driver.Afero(afero.NewMemMapFs())} {
		write(t, fsys, "old", "0123")
		r := driver.Restrict(fsys, func(_ context.Context, op driver.Op, name string) error {
			if op == driver.OpReplace {
				return fs.ErrPermission
			}
			return nil
		})
		for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 2}, {Exclusive: true}} {
			assert.ErrorIs(t, driver.CheckStore(t.Context(), r, "old", opts), fs.ErrPermission, "%+v", opts)
			assert.ErrorIs(t, store(t.Context(), r, "old", "x", opts), fs.ErrPermission, "%+v", opts)
		}
		for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Exclusive: true}} {
			assert.NoError(t, driver.CheckStore(t.Context(), r, "new", opts), "%+v", opts)
			one, two := begun(t, r, "new", "one", opts), begun(t, r, "new", "two", opts)
			require.NoError(t, one.Commit(), "%+v", opts)
			assert.ErrorIs(t, two.Commit(), fs.ErrExist, "%+v", opts)
			require.NoError(t, errors.Join(one.Close(nil), two.Close(errors.New("refused"))))
			assert.Equal(t, "one", read(t, fsys, "new"))
			assert.ErrorIs(t, r.Rename(t.Context(), "new", "old"), fs.ErrPermission)
			assert.NoError(t, r.Rename(t.Context(), "new", "new"))
			require.NoError(t, r.Rename(t.Context(), "new", "other"))
			require.NoError(t, r.Remove(t.Context(), "other"))
		}
		assert.ErrorIs(t, store(t.Context(), r, "new", "x", driver.StoreOptions{Offset: 1}), driver.ErrOffset)
		assert.Equal(t, "0123", read(t, fsys, "old"))
	}
}

// A rule about a name holds when a directory above it is renamed.
func TestRestrictRenameOfDirectories(t *testing.T) {
	for _, fsys := range []driver.FS{driver.Mem(), openDir(t, t.TempDir())} {
		for _, dir := range []string{"a", "a/b", "a/b/c", "to"} {
			require.NoError(t, fsys.Mkdir(t.Context(), dir))
		}
		write(t, fsys, "a/b/c/secret", "x")
		r := driver.Restrict(fsys, func(_ context.Context, op driver.Op, name string) error {
			if path.Base(name) == "secret" && op == driver.OpRename || strings.HasPrefix(name, "no/b/c") && op == driver.OpRenameTo {
				return fs.ErrPermission
			}
			return nil
		})
		for _, from := range []string{"a", "a/b", "a/b/c", "a/b/c/secret"} {
			assert.ErrorIs(t, r.Rename(t.Context(), from, "to/x"), fs.ErrPermission, from)
		}
		require.NoError(t, fsys.Rename(t.Context(), "a/b/c/secret", "a/b/c/plain"))
		assert.ErrorIs(t, r.Rename(t.Context(), "a", "no"), fs.ErrPermission)
		assert.NoError(t, r.Rename(t.Context(), "a", "to/x"))
		assert.Equal(t, "x", read(t, fsys, "to/x/b/c/plain"))
	}
}

// A link to a directory moves alone, so nothing below it is asked about.
func TestRestrictRenameOfLinks(t *testing.T) {
	d := openDir(t, t.TempDir())
	require.NoError(t, d.Mkdir(t.Context(), "dir"))
	write(t, d, "dir/f", "")
	if err := driver.Symlink(t.Context(), d, "dir", "link"); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	var asked []string
	r := driver.Restrict(d, func(_ context.Context, op driver.Op, name string) error {
		asked = append(asked, string(op)+" "+name)
		return nil
	})
	require.NoError(t, r.Rename(t.Context(), "link", "other"))
	assert.Equal(t, []string{"rename link", "rename to other", "replace other"}, asked)
}

// last returns the error that a sequence ends with.
func last(entries iter.Seq2[fs.FileInfo, error]) (err error) {
	for _, err = range entries {
	}
	return err
}

// closed closes what Open returned, and returns the error of Open.
func closed(r io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	return r.Close()
}
