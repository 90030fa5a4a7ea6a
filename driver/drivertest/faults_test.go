package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// spoilt runs an operation of RunFaults and gives what is wrong.
func spoilt(t *testing.T, name string, wrap func(driver.FS) driver.FS) error {
	t.Helper()
	for _, op := range operations(Options{}) {
		if op.name == name {
			l := &lab{op: op, patience: 100 * time.Millisecond, wrap: wrap}
			return l.run(t.Context())
		}
	}
	require.Fail(t, "no such operation", name)
	return nil
}

func TestSoundWrapperPasses(t *testing.T) {
	RunFaults(t, Options{}, func(_ *testing.T, fsys driver.FS) driver.FS { return sound{fsys} })
}

// sound hands everything on.
type sound struct{ driver.FS }

func (f sound) Unwrap() driver.FS { return f.FS }

// Each wrapper does one thing wrong when the FS within fails, and RunFaults
// finds it.
func TestBrokenWrappersFail(t *testing.T) {
	tests := []struct {
		broken, operation, want string
		wrap                    func(driver.FS) driver.FS
	}{
		{"hides the cause", "Stat", "want [drivertest: a fault]", func(f driver.FS) driver.FS { return opaque{f} }},
		{"ignores that Remove failed", "Remove", "there was no error", func(f driver.FS) driver.FS { return cheerful{f} }},
		{"ignores that a listing failed", "List", "no error, but", func(f driver.FS) driver.FS { return cutsShort{f} }},
		{"ignores that Commit failed", "Store", "there was no error", func(f driver.FS) driver.FS { return changes{f, blind} }},
		{"ignores short writes", "Store", "there was no error", func(f driver.FS) driver.FS { return changes{f, deaf} }},
		{"loses Close after a failure", "Store", `not given back: ["upload \"new\""]`, func(f driver.FS) driver.FS { return changes{f, leaks} }},
		{"loses Close", "Store", "with nothing going wrong: not given back", func(f driver.FS) driver.FS { return changes{f, neverCloses} }},
		{"closes without the cause", "Store, cut", "which is not the cause", func(f driver.FS) driver.FS { return changes{f, causeless} }},
		{"leaves an upload open when it fails itself", "Store", "not given back", func(f driver.FS) driver.FS { return looksTwice{f} }},
		{"leaves a listing half read", "List, left early", "not given back", func(f driver.FS) driver.FS { return pulls{f} }},
		{"removes before it stores", "Store over a file", "the error was", func(f driver.FS) driver.FS { return removesFirst{f} }},
		{"has a context of its own", "Mkdir", "the context of the operation has ended", func(f driver.FS) driver.FS { return noContext{f} }},
		{"counts what was not stored", "Store", "Space tells", func(f driver.FS) driver.FS { return &miscounts{FS: f} }},
	}
	for _, tt := range tests {
		t.Run(tt.broken, func(t *testing.T) {
			require.ErrorContains(t, spoilt(t, tt.operation, tt.wrap), tt.want)
		})
	}
}

func TestLockingWrappersFail(t *testing.T) {
	var stuck []*locked
	wrap := func(deferred bool) func(driver.FS) driver.FS {
		return func(f driver.FS) driver.FS {
			l := &locked{FS: f, deferred: deferred}
			stuck = append(stuck, l)
			return l
		}
	}
	// Try a lock that a panic leaves behind, and a lock for which others wait
	// whatever their contexts say.
	require.ErrorContains(t, spoilt(t, "Remove", wrap(false)), "panics: something is still locked")
	require.ErrorContains(t, spoilt(t, "Remove", wrap(true)), "hangs: another call whose context has ended")
	for _, l := range stuck { // so that no goroutine waits for ever
		if !l.deferred {
			l.mu.TryLock() // left locked by the panic, or free
			l.mu.Unlock()
		}
	}
}

type cheerful struct{ driver.FS }

func (f cheerful) Remove(ctx context.Context, name string) error {
	if err := f.FS.Remove(ctx, name); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

type cutsShort struct{ driver.FS }

func (f cutsShort) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for fi, err := range f.FS.List(ctx, name) {
			if err != nil || !yield(fi, nil) {
				return
			}
		}
	}
}

// changes is an FS whose uploads have something wrong.
type changes struct {
	driver.FS
	how func(driver.Upload) driver.Upload
}

func (f changes) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, f.how)
}

// upload is an upload of which some methods are replaced.
type upload struct {
	driver.Upload
	failed bool
	write  func(u *upload, p []byte) (int, error)
	commit func(u *upload) error
	close  func(u *upload, cause error) error
}

func (u *upload) Write(p []byte) (n int, err error) {
	if u.write != nil {
		return u.write(u, p)
	}
	n, err = u.Upload.Write(p)
	u.failed = u.failed || err != nil
	return n, err
}

func (u *upload) Commit() error {
	if u.commit != nil {
		return u.commit(u)
	}
	return u.Upload.Commit()
}

func (u *upload) Close(cause error) error {
	if u.close != nil {
		return u.close(u, cause)
	}
	return u.Upload.Close(cause)
}

func blind(u driver.Upload) driver.Upload {
	return &upload{Upload: u, commit: func(u *upload) error { _ = u.Upload.Commit(); return nil }}
}

func deaf(u driver.Upload) driver.Upload {
	return &upload{Upload: u, write: func(u *upload, p []byte) (int, error) {
		_, _ = u.Upload.Write(p)
		return len(p), nil
	}}
}

func leaks(u driver.Upload) driver.Upload {
	return &upload{Upload: u, close: func(u *upload, cause error) error {
		if u.failed {
			return nil
		}
		return u.Upload.Close(cause)
	}}
}

func neverCloses(u driver.Upload) driver.Upload {
	return &upload{Upload: u, close: func(*upload, error) error { return nil }}
}

func causeless(u driver.Upload) driver.Upload {
	return &upload{Upload: u, close: func(u *upload, _ error) error { return u.Upload.Close(io.EOF) }}
}

type looksTwice struct{ driver.FS }

func (f looksTwice) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	if _, err := f.FS.Stat(ctx, "."); err != nil {
		return nil, err
	}
	return u, nil
}

type pulls struct{ driver.FS }

func (f pulls) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		next, stop := iter.Pull2(f.FS.List(ctx, name))
		for fi, err, ok := next(); ok; fi, err, ok = next() {
			if !yield(fi, err) {
				context.AfterFunc(ctx, stop) // too late
				return
			}
		}
	}
}

type removesFirst struct{ driver.FS }

func (f removesFirst) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if err := f.FS.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return f.FS.Store(ctx, name, opts)
}

// miscounts subtracts in Space every byte written, stored or not.
type miscounts struct {
	driver.FS
	written int64
}

func (f *miscounts) Space(context.Context, string) (int64, error) { return 1<<20 - f.written, nil }

func (f *miscounts) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	return wrapUpload(f.FS, ctx, name, opts, func(u driver.Upload) driver.Upload {
		return &upload{Upload: u, write: func(u *upload, p []byte) (int, error) {
			f.written += int64(len(p))
			return u.Upload.Write(p)
		}}
	})
}

// locked holds a lock while it removes.
type locked struct {
	driver.FS
	mu       sync.Mutex
	deferred bool
}

func (f *locked) Remove(ctx context.Context, name string) error {
	f.mu.Lock()
	if f.deferred {
		defer f.mu.Unlock()
		return f.FS.Remove(ctx, name)
	}
	err := f.FS.Remove(ctx, name)
	f.mu.Unlock()
	return err
}

// Calls go wrong where the faults say, and nowhere else.
func TestFaulty(t *testing.T) {
	f := Faulty(driver.Mem(),
		Fault{Method: "Mkdir", Call: 2, Do: Fail(fs.ErrPermission)},
		Fault{Method: "Store.Write", Part: 2, Do: Fail(driver.ErrQuota)},
		Fault{Method: "Stat", Do: Panic("boom")},
		Fault{Method: "List.Next", Call: 2, Do: Fail(io.ErrUnexpectedEOF)},
		Fault{Method: "Rename", Do: Hang})
	ctx := t.Context()
	require.NoError(t, f.Mkdir(ctx, "a"))
	require.ErrorIs(t, f.Mkdir(ctx, "b"), fs.ErrPermission)
	require.NoError(t, f.Mkdir(ctx, "c"))
	require.PanicsWithValue(t, "boom", func() { f.Stat(ctx, "a") })

	u, err := f.Store(ctx, "f", driver.StoreOptions{})
	require.NoError(t, err)
	n, err := u.Write([]byte("data"))
	require.ErrorIs(t, err, driver.ErrQuota)
	require.Equal(t, 2, n)
	require.Equal(t, []string{`upload "f"`}, f.Held())
	require.NoError(t, u.Close(err))
	require.Empty(t, f.Held())

	var names []string
	for fi, err := range f.List(ctx, ".") {
		if err != nil {
			names = append(names, err.Error())
			break
		}
		names = append(names, fi.Name())
	}
	require.Equal(t, []string{"a", "unexpected EOF"}, names)

	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, f.Rename(ended, "a", "d"), context.Canceled)
	require.Equal(t, []string{"Mkdir", "Mkdir", "Mkdir", "Stat", "Store", "Store.Write", "Store.Close",
		"List", "List.Next", "List.Next", "Rename"}, f.Calls())

	f.Set()
	require.Empty(t, f.Calls())
	require.NoError(t, f.Rename(ctx, "a", "d"))
}

// A call goes on as without a fault if Do returns nil.
func TestFaultGoesOn(t *testing.T) {
	var seen int
	look := func(context.Context) error { seen++; return nil }
	f := Faulty(base(), Fault{Method: "Store.Write", Part: 3, Do: look}, Fault{Method: "Open.Read", Part: 2, Do: look},
		Fault{Method: "SetGroup", Do: look})
	p := &probe{f, Options{}}
	for _, move := range []func(driver.Upload, string) error{byWrite, byReadFrom} {
		require.NoError(t, p.upload(t.Context(), "new", driver.StoreOptions{}, move))
		got, err := p.read(t.Context(), "new", 0)
		require.NoError(t, err)
		require.Equal(t, newContent, got)
	}
	require.NoError(t, driver.SetGroup(t.Context(), f, "new", "0"))
	require.Greater(t, seen, 5)
}

func TestFaultsAreChecked(t *testing.T) {
	for _, fault := range []Fault{{Method: "Copy", Do: Hang}, {Method: "Stat"}} {
		assert.Panics(t, func() { Faulty(driver.Mem(), fault) }, fmt.Sprint(fault.Method))
	}
}
