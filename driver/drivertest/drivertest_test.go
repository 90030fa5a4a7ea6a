package drivertest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// failures runs cases on new FS, all of them if none is named, and gives those
// that fail.
func failures(t *testing.T, o Options, open func() driver.FS, only ...string) map[string]error {
	t.Helper()
	failed := make(map[string]error)
	for _, c := range checks(o) {
		if len(only) > 0 && !slices.Contains(only, c.name) {
			continue
		}
		var absent *absentError
		if err := c.try(t.Context(), open(), o); err != nil && !errors.As(err, &absent) {
			failed[c.name] = err
		}
	}
	return failed
}

func TestSoundDriverPasses(t *testing.T) {
	assert.Empty(t, failures(t, Options{}, func() driver.FS { return driver.Mem() }))
}

// Each driver breaks one sentence of the contract, and drivertest must name a case
// for it.
func TestBrokenDriversFail(t *testing.T) {
	tests := []struct {
		broken string
		want   string // a case that fails
		fsys   func(driver.FS) driver.FS
	}{
		{"reads from the start whatever the offset", "read-offset", func(f driver.FS) driver.FS { return noOffset{f} }},
		{"panics on a bad name", "invalid-names", func(f driver.FS) driver.FS { return panics{f} }},
		{"takes any name", "invalid-names", func(f driver.FS) driver.FS { return anyName{f} }},
		{"hides the cause of errors", "missing", func(f driver.FS) driver.FS { return opaque{f} }},
		{"renames over directories", "rename-taken", func(f driver.FS) driver.FS { return clobbers{f} }},
		{"appends by replacing", "append", func(f driver.FS) driver.FS { return noAppend{f} }},
		{"refuses in CheckStore what Store takes", "store-replace", func(f driver.FS) driver.FS { return timid{f} }},
		{"makes the file to check it", "check-store", func(f driver.FS) driver.FS { return tries{f} }},
		{"checks no offset", "check-store-offset", func(f driver.FS) driver.FS { return halfBlind{f} }},
		{"ignores Exclusive", "exclusive", func(f driver.FS) driver.FS { return notExclusive{f} }},
		{"ignores Exclusive in a race", "exclusive-race", func(f driver.FS) driver.FS { return notExclusive{f} }},
		{"ignores Exclusive in Commit", "exclusive-commit", func(f driver.FS) driver.FS { return stale{f} }},
		{"commits over a directory", "commit-on-directory", func(f driver.FS) driver.FS { return stale{f} }},
		{"reports a file whose directory is gone", "commit-without-parent", func(f driver.FS) driver.FS { return stale{f} }},
		{"takes what begins with a directory's name for what is in it", "rename-directory-longer", func(f driver.FS) driver.FS { return prefixed{f} }},
		{"commits cut uploads", "cut-replace", func(f driver.FS) driver.FS { return commits{f} }},
		{"commits cut uploads of new files", "cut-new", func(f driver.FS) driver.FS { return commits{f} }},
		{"shows uploads before Commit", "invisible", func(f driver.FS) driver.FS { return early{f} }},
		{"commits in Prepare", "prepare", func(f driver.FS) driver.FS { return hasty{f} }},
		{"stages the whole file with Append", "staged", func(f driver.FS) driver.FS { return stagesAll{f} }},
		{"adds to another file than it kept", "kept", func(f driver.FS) driver.FS { return keepsNothing{f} }},
		{"keeps the caller's slice", "many-writes", func(f driver.FS) driver.FS { return keepsSlice{f} }},
		{"fails on a second Close", "close", func(f driver.FS) driver.FS { return closesOnce{f} }},
		{"goes on without context", "cancelled", func(f driver.FS) driver.FS { return noContext{f} }},
		{"lists everything twice", "list", func(f driver.FS) driver.FS { return twice{f} }},
		{"lists one batch only", "list-many", func(f driver.FS) driver.FS { return oneBatch{f} }},
		{"scans more than it lists", "scan", func(f driver.FS) driver.FS { return scansMore{f} }},
		{"lists on when told to stop", "list-stop", func(f driver.FS) driver.FS { return unstoppable{f} }},
		{"removes trees", "rmdir", func(f driver.FS) driver.FS { return removesTrees{f} }},
		{"calls the root by a path", "root-name", func(f driver.FS) driver.FS { return longNames{f} }},
	}
	for _, tt := range tests {
		t.Run(tt.broken, func(t *testing.T) {
			failed := failures(t, Options{}, func() driver.FS { return tt.fsys(driver.Mem()) }, tt.want)
			require.Contains(t, failed, tt.want)
		})
	}
}

func TestWritableDriverIsNotReadOnly(t *testing.T) {
	open := func() driver.FS {
		m := driver.Mem()
		p := &probe{m, Options{}}
		for _, dir := range []string{"dir", "dir/sub"} {
			require.NoError(t, m.Mkdir(t.Context(), dir))
		}
		for name, data := range Tree() {
			require.NoError(t, p.store(t.Context(), name, data, driver.StoreOptions{}, false))
		}
		return m
	}
	failed := failures(t, Options{ReadOnly: true}, open)
	assert.Contains(t, failed, "refuses")
	assert.Contains(t, failed, "write-bits")
	assert.NotContains(t, failed, "tree")
}

func TestEveryCaseHasASentence(t *testing.T) {
	for _, o := range []Options{{}, {InPlace: true}, {ReadOnly: true}, objects} {
		seen := make(map[string]bool)
		for _, c := range checks(o) {
			assert.False(t, seen[c.name], "two cases %q", c.name)
			seen[c.name] = true
			assert.True(t, strings.HasSuffix(c.sentence, "."), "%s: %q", c.name, c.sentence)
		}
	}
}

// The failure must say which line of which script went wrong.
func TestFailureNamesTheLine(t *testing.T) {
	failed := failures(t, Options{}, func() driver.FS { return noAppend{driver.Mem()} }, "append")
	require.Contains(t, failed, "append")
	assert.ErrorContains(t, failed["append"], "cases.txt:")
	assert.ErrorContains(t, failed["append"], `read a want`)
}

// A driver that hands on the system's own errors hears of the cure.
func TestFailureNamesSysError(t *testing.T) {
	raw := func() driver.FS { return rawErrors{driver.Mem(), func(err error) error { return err }} }
	failed := failures(t, Options{}, raw, "rmdir")
	require.Contains(t, failed, "rmdir")
	assert.ErrorContains(t, failed["rmdir"], "driver.SysError makes it that")
	cured := func() driver.FS { return rawErrors{driver.Mem(), driver.SysError} }
	assert.Empty(t, failures(t, Options{}, cured, "rmdir"))
}

// rawErrors returns ENOTEMPTY as the system does.
type rawErrors struct {
	driver.FS
	through func(error) error
}

func (f rawErrors) RemoveDir(ctx context.Context, name string) error {
	err := f.FS.RemoveDir(ctx, name)
	if errors.Is(err, driver.ErrNotEmpty) {
		return f.through(syscall.ENOTEMPTY)
	}
	return err
}

type noOffset struct{ driver.FS }

func (f noOffset) Open(ctx context.Context, name string, _ int64) (io.ReadCloser, error) {
	return f.FS.Open(ctx, name, 0)
}

type panics struct{ driver.FS }

func (f panics) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if name[0] == '/' { // also an index out of range for ""
		panic("bad name")
	}
	return f.FS.Stat(ctx, name)
}

type anyName struct{ driver.FS }

func (f anyName) Mkdir(ctx context.Context, name string) error {
	return f.FS.Mkdir(ctx, strings.Trim(strings.ToValidUTF8(name, ""), "/.")+"x")
}

type opaque struct{ driver.FS }

func (f opaque) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := f.FS.Stat(ctx, name)
	if err != nil {
		return nil, errors.New(err.Error())
	}
	return fi, nil
}

type clobbers struct{ driver.FS }

func (f clobbers) Rename(ctx context.Context, from, to string) error {
	if fs.ValidPath(to) && to != "." && from != to {
		_ = f.RemoveDir(ctx, to)
	}
	return f.FS.Rename(ctx, from, to)
}

type noAppend struct{ driver.FS }

func (f noAppend) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	opts.Append, opts.Offset = false, 0
	return f.FS.Store(ctx, name, opts)
}

type timid struct{ driver.FS }

func (f timid) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if _, err := f.Stat(ctx, name); err == nil {
		return fs.ErrExist
	}
	return driver.CheckStore(ctx, f.FS, name, opts)
}

type tries struct{ driver.FS }

func (f tries) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return err
	}
	return u.Commit()
}

type halfBlind struct{ driver.FS }

func (f halfBlind) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	opts.Offset = 0
	return driver.CheckStore(ctx, f.FS, name, opts)
}

type notExclusive struct{ driver.FS }

func (f notExclusive) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	opts.Exclusive = false
	return f.FS.Store(ctx, name, opts)
}

// stale removes in Commit whatever has the name, like an FS that looked at the
// tree in Store only.
type stale struct{ driver.FS }

func (f stale) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return staleUpload{u, f.FS, ctx, name} })
}

type staleUpload struct {
	driver.Upload
	fsys driver.FS
	ctx  context.Context
	name string
}

func (u staleUpload) Commit() error {
	_ = u.fsys.Remove(u.ctx, u.name)
	_ = u.fsys.RemoveDir(u.ctx, u.name)
	if err := u.Upload.Commit(); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil // the file is where nobody finds it
}

// prefixed forgets the slash when it looks whether a name is below another.
type prefixed struct{ driver.FS }

func (f prefixed) Rename(ctx context.Context, from, to string) error {
	if fi, err := f.FS.Stat(ctx, from); err == nil && fi.IsDir() && from != to && strings.HasPrefix(to, from) {
		return fs.ErrInvalid
	}
	return f.FS.Rename(ctx, from, to)
}

// wrapUpload changes the uploads of an FS.
func wrapUpload(f driver.FS, ctx context.Context, name string, opts driver.StoreOptions, wrap func(driver.Upload) driver.Upload) (driver.Upload, error) {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return wrap(u), nil
}

type commits struct{ driver.FS }

func (f commits) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return committed{u} })
}

type committed struct{ driver.Upload }

func (u committed) Close(cause error) error {
	_ = u.Upload.Commit()
	return u.Upload.Close(cause)
}

type early struct{ driver.FS }

func (f early) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if _, err := f.Stat(ctx, name); errors.Is(err, fs.ErrNotExist) {
		if u, err := f.FS.Store(ctx, name, driver.StoreOptions{}); err == nil {
			_ = u.Commit()
		}
	}
	return f.FS.Store(ctx, name, opts)
}

type hasty struct{ driver.FS }

func (f hasty) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return committer{u} })
}

type committer struct{ driver.Upload }

func (u committer) Prepare() error { return u.Commit() }

// stagesAll is an FS whose OpenStaged reads the kept bytes of the old file as
// well.
type stagesAll struct{ driver.FS }

func (f stagesAll) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return allStager{u, opts} })
}

type allStager struct {
	driver.Upload
	opts driver.StoreOptions
}

func (u allStager) OpenStaged() (io.ReadCloser, error) {
	r, err := driver.OpenStaged(u.Upload)
	if err != nil || !u.opts.Append {
		return r, err
	}
	return io.NopCloser(io.MultiReader(strings.NewReader("old content"), r)), nil
}

// keepsNothing is an FS whose uploads tell in Keep which bytes they keep, and
// forget it before Commit.
type keepsNothing struct{ driver.FS }

func (f keepsNothing) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return forgetful{u, f.FS, name} })
}

type forgetful struct {
	driver.Upload
	fsys driver.FS
	name string
}

func (u forgetful) OpenStaged() (io.ReadCloser, error) { return driver.OpenStaged(u.Upload) }

func (u forgetful) Keep() (int64, error) {
	fi, err := u.fsys.Stat(context.Background(), u.name)
	if err != nil {
		return 0, err
	}
	return fi.Size(), nil
}

func (u forgetful) OpenKept() (io.ReadCloser, error) {
	return u.fsys.Open(context.Background(), u.name, 0)
}

type keepsSlice struct{ driver.FS }

func (f keepsSlice) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return &keeper{Upload: u} })
}

type keeper struct {
	driver.Upload
	kept [][]byte
}

func (u *keeper) Write(p []byte) (int, error) {
	u.kept = append(u.kept, p)
	return len(p), nil
}

func (u *keeper) Commit() error {
	for _, p := range u.kept {
		if _, err := u.Upload.Write(p); err != nil {
			return err
		}
	}
	return u.Upload.Commit()
}

type closesOnce struct{ driver.FS }

func (f closesOnce) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload { return &closer{Upload: u} })
}

type closer struct {
	driver.Upload
	closed bool
}

func (u *closer) Close(cause error) error {
	if u.closed {
		return fs.ErrClosed
	}
	u.closed = true
	return u.Upload.Close(cause)
}

type noContext struct{ driver.FS }

func (f noContext) Mkdir(ctx context.Context, name string) error {
	return f.FS.Mkdir(context.WithoutCancel(ctx), name)
}

type twice struct{ driver.FS }

func (f twice) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for range 2 {
			f.FS.List(ctx, name)(yield)
		}
	}
}

type oneBatch struct{ driver.FS }

func (f oneBatch) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		n := 0
		for fi, err := range f.FS.List(ctx, name) {
			if n++; n > 256 || !yield(fi, err) {
				return
			}
		}
	}
}

// scansMore hides a directory from List, but not from Scan.
type scansMore struct{ driver.FS }

func (f scansMore) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for fi, err := range f.FS.List(ctx, name) {
			if (err != nil || fi.Name() != "sub") && !yield(fi, err) {
				return
			}
		}
	}
}

func (f scansMore) Scan(ctx context.Context, _ driver.FS, name string, _ bool) iter.Seq2[fs.FileInfo, error] {
	return f.FS.List(ctx, name)
}

type unstoppable struct{ driver.FS }

func (f unstoppable) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for fi, err := range f.FS.List(ctx, name) {
			yield(fi, err)
		}
	}
}

type removesTrees struct{ driver.FS }

func (f removesTrees) RemoveDir(ctx context.Context, name string) error {
	for fi, err := range f.List(ctx, name) {
		if err == nil && !fi.IsDir() {
			_ = f.Remove(ctx, name+"/"+fi.Name())
		}
	}
	return f.FS.RemoveDir(ctx, name)
}

type longNames struct{ driver.FS }

func (f longNames) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi, err := f.FS.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return named{fi, "/" + name}, nil
}

type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

// FuzzScript holds that a step prints what reads as the same step.
func FuzzScript(f *testing.F) {
	for line := range strings.Lines(casesText) {
		f.Add(line)
	}
	f.Add(`store "a b" "\x00\u00e9" want "want" ok`)
	f.Fuzz(func(t *testing.T, line string) {
		st, err := parseStep(line)
		if err != nil {
			return
		}
		again, err := parseStep(st.String())
		require.NoError(t, err, st.String())
		assert.True(t, slices.Equal(st.args, again.args) && slices.Equal(st.want, again.want),
			"%q printed as %q", line, st.String())
	})
}

func TestScriptErrors(t *testing.T) {
	for _, text := range []string{"mkdir a", "== title without sentence", "== a: b.\nread \"a", "== a: b.\nread a want"} {
		_, err := parseScripts(text)
		assert.Error(t, err, text)
	}
}
