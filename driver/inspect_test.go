package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

// accepting reads all of every upload and agrees.
func accepting(_ context.Context, up *driver.Inspection) error {
	r, err := up.Open()
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, r)
	if err == nil && n != up.Size {
		err = fmt.Errorf("%d bytes, want %d", n, up.Size)
	}
	return errors.Join(err, r.Close())
}

func TestInspectConforms(t *testing.T) {
	for name, open := range staging {
		t.Run(name, func(t *testing.T) {
			if name == "Dir in place" {
				return // a reader of it sees what is added, in place or not
			}
			drivertest.Run(t, func(t *testing.T) driver.FS { return driver.Inspect(open(t), accepting) })
		})
	}
}

func TestInspectFaults(t *testing.T) {
	drivertest.RunFaults(t, drivertest.Options{}, func(_ *testing.T, fsys driver.FS) driver.FS {
		return driver.Inspect(fsys, accepting)
	})
}

// staging are the FS of the package that can be inspected.
var staging = map[string]func(t *testing.T) driver.FS{
	"Mem": func(*testing.T) driver.FS { return driver.Mem() },
	"Dir": func(t *testing.T) driver.FS { return openDir(t, t.TempDir()) },
	"Dir in place": func(t *testing.T) driver.FS {
		d := openDir(t, t.TempDir())
		d.Uploads = driver.InPlace
		return d
	},
	"Afero": func(t *testing.T) driver.FS { return driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), t.TempDir())) },
	"Limit": func(t *testing.T) driver.FS {
		return limit(t, openDir(t, t.TempDir()), driver.Quota{Bytes: 1 << 30})
	},
	"Mount": func(t *testing.T) driver.FS {
		m, err := driver.Mount(map[string]driver.FS{".": driver.Mem()})
		require.NoError(t, err)
		return m
	},
	"Restrict": func(*testing.T) driver.FS { return driver.Restrict(driver.Mem(), allowAll) },
}

var errInfected = &driver.Error{Code: 553, Text: "Infected: EICAR."}

// scan refuses content that has the word.
func scan(_ context.Context, up *driver.Inspection) error {
	r, err := up.Open()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(r) // and leaves the reader open
	if err == nil && strings.Contains(string(data), "EICAR") {
		err = errInfected
	}
	return err
}

// A refused upload never becomes a file, leaves nothing behind and takes nothing
// of a quota. The whole new file is looked at: neither half of the word is refused
// by itself.
func TestInspectRefuses(t *testing.T) {
	for name, open := range staging {
		t.Run(name, func(t *testing.T) {
			within := open(t)
			f := driver.Inspect(within, scan)
			for _, part := range []string{"EIC", "EICARLESS"[4:]} {
				require.NoError(t, store(t.Context(), f, "part", part, driver.StoreOptions{}), "%q", part)
			}
			require.NoError(t, store(t.Context(), f, "a", "abcEIC", driver.StoreOptions{}))
			space, errSpace := driver.Space(t.Context(), within, ".")
			for _, tt := range []struct {
				name, data string
				opts       driver.StoreOptions
			}{
				{"new", "an EICAR", driver.StoreOptions{}},
				{"new", "an EICAR", driver.StoreOptions{Exclusive: true}},
				{"new", "an EICAR", driver.StoreOptions{Append: true}},
				{"a", "EICAR", driver.StoreOptions{}},
				{"a", "AR", driver.StoreOptions{Append: true}},
				{"a", "CAR", driver.StoreOptions{Offset: 5}},
			} {
				err := store(t.Context(), f, tt.name, tt.data, tt.opts)
				assert.ErrorIs(t, err, errInfected, "%+v", tt)
				assert.Equal(t, "abcEIC", read(t, within, "a"), "%+v", tt)
				names := all(t, within.List(t.Context(), "."))
				assert.Len(t, names, 2, "%+v", tt)
			}
			if name == "Limit" {
				now, err := driver.Space(t.Context(), within, ".")
				assert.Equal(t, errSpace, err)
				assert.InDelta(t, space, now, 1<<20)
			}
			require.NoError(t, store(t.Context(), f, "a", "xx", driver.StoreOptions{Append: true}))
			require.NoError(t, store(t.Context(), f, "a", "Z", driver.StoreOptions{Offset: 2}))
			assert.Equal(t, "abZ", read(t, within, "a"))
		})
	}
}

// A refused upload leaves no file on the disk, neither a temporary one nor one
// written in place.
func TestInspectLeavesNothingOnDisk(t *testing.T) {
	for _, uploads := range []driver.Uploads{driver.Atomic, driver.InPlace} {
		path := t.TempDir()
		d := openDir(t, path)
		d.Uploads = uploads
		f := driver.Inspect(d, func(_ context.Context, up *driver.Inspection) error {
			_, err := d.Stat(t.Context(), up.Name)
			assert.ErrorIs(t, err, fs.ErrNotExist, "nobody sees it yet")
			return fs.ErrPermission
		})
		assert.ErrorIs(t, store(t.Context(), f, "a", strings.Repeat("x", 1<<17), driver.StoreOptions{}), fs.ErrPermission)
		entries, err := os.ReadDir(path)
		require.NoError(t, err)
		assert.Empty(t, entries)
	}
}

func TestInspectWithoutFunction(t *testing.T) {
	m := driver.Mem()
	assert.ErrorIs(t, store(t.Context(), driver.Inspect(m, nil), "a", "x", driver.StoreOptions{}), fs.ErrPermission)
	_, err := m.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// Inspect takes no uploads to an FS whose uploads are no StagedReaders.
func TestInspectNeedsStagedReader(t *testing.T) {
	f := driver.Inspect(blind{driver.Mem()}, accepting)
	_, err := f.Store(t.Context(), "a", driver.StoreOptions{})
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = f.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// blind is an FS whose uploads show nothing before Commit.
type blind struct{ driver.FS }

func (b blind) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := b.FS.Store(ctx, name, opts)
	return struct{ driver.Upload }{u}, err
}

// Two uploads that append at once are looked at one after the other: accept sees
// the second together with the bytes that the first has added.
func TestInspectOneAfterAnother(t *testing.T) {
	m := driver.Mem()
	write(t, m, "a", "E")
	looking, goOn := make(chan string, 2), make(chan struct{})
	f := driver.Inspect(m, func(ctx context.Context, up *driver.Inspection) error {
		r, err := up.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		looking <- string(data)
		<-goOn
		return err
	})
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- store(t.Context(), f, "a", "X", driver.StoreOptions{Append: true}) }()
	}
	assert.Equal(t, "EX", <-looking)
	goOn <- struct{}{}
	require.NoError(t, <-done)
	assert.Equal(t, "EXX", <-looking)
	goOn <- struct{}{}
	require.NoError(t, <-done)
	assert.Equal(t, "EXX", read(t, m, "a"))
}

// The end of the session ends the look and the wait for it.
func TestInspectEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := driver.Mem()
	f := driver.Inspect(m, func(ctx context.Context, up *driver.Inspection) error {
		r, err := up.Open()
		require.NoError(t, err)
		cancel()
		_, err = io.ReadAll(r)
		assert.ErrorIs(t, err, context.Canceled)
		return nil // all the same
	})
	assert.ErrorIs(t, store(ctx, f, "a", "x", driver.StoreOptions{}), context.Canceled)
	_, err := m.Stat(t.Context(), "a")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestInspectionSays(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: math.MaxInt64})
	write(t, l, "a", "0123456789")
	var got []int64
	f := driver.Inspect(l, func(_ context.Context, up *driver.Inspection) error {
		assert.Equal(t, "a", up.Name)
		got = append(got, up.Size, up.Written)
		r, err := up.Open()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 1))
		assert.ErrorIs(t, err, fs.ErrClosed)
		return nil
	})
	for _, opts := range []driver.StoreOptions{{Append: true}, {Offset: 4}, {}} {
		require.NoError(t, store(t.Context(), f, "a", "xyz", opts))
	}
	assert.Equal(t, []int64{13, 3, 7, 3, 3, 3}, got)
}
