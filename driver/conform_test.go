package driver_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"testing"
	"testing/fstest"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

func openDir(t testing.TB, path string) *driver.Dir {
	d, err := driver.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDirAtomic(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS { return openDir(t, t.TempDir()) })
}

func TestDirInPlace(t *testing.T) {
	drivertest.RunWith(t, drivertest.Options{InPlace: true}, func(t *testing.T) driver.FS {
		d := openDir(t, t.TempDir())
		d.Uploads = driver.InPlace
		return d
	})
}

func TestMem(t *testing.T) {
	drivertest.Run(t, func(*testing.T) driver.FS { return driver.Mem() })
}

func TestMount(t *testing.T) {
	drivertest.RunWith(t, drivertest.Options{Dir: "in/side"}, func(t *testing.T) driver.FS {
		m, err := driver.Mount(map[string]driver.FS{".": driver.Mem(), "in/side": driver.Mem(), "in/side-by-side": driver.Mem()})
		require.NoError(t, err)
		return m
	})
}

func TestMountDir(t *testing.T) {
	drivertest.RunWith(t, drivertest.Options{Dir: "disk"}, func(t *testing.T) driver.FS {
		m, err := driver.Mount(map[string]driver.FS{"disk": openDir(t, t.TempDir())})
		require.NoError(t, err)
		return m
	})
}

func TestMountRoot(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS {
		m, err := driver.Mount(map[string]driver.FS{".": driver.Mem()})
		require.NoError(t, err)
		return m
	})
}

func TestAferoMem(t *testing.T) {
	drivertest.Run(t, func(*testing.T) driver.FS { return driver.Afero(afero.NewMemMapFs()) })
}

func TestAferoBasePath(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS {
		return driver.Afero(afero.NewBasePathFs(afero.NewOsFs(), t.TempDir()))
	})
}

func TestAferoBasePathMem(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS {
		m := afero.NewMemMapFs()
		require.NoError(t, m.MkdirAll("/base/dir", 0o755))
		return driver.Afero(afero.NewBasePathFs(m, "/base/dir"))
	})
}

func TestAferoCopyOnWrite(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS {
		return driver.Afero(afero.NewCopyOnWriteFs(afero.NewMemMapFs(), afero.NewMemMapFs()))
	})
}

// tree is what a read-only FS has to hold.
func tree() fstest.MapFS {
	m := fstest.MapFS{}
	for name, data := range drivertest.Tree() {
		m[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
	}
	return m
}

var readOnly = drivertest.Options{ReadOnly: true}

func TestReadOnly(t *testing.T) {
	drivertest.RunWith(t, readOnly, func(*testing.T) driver.FS { return driver.ReadOnly(tree()) })
}

func TestReadOnlyZip(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, data := range drivertest.Tree() {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	require.NoError(t, err)
	drivertest.RunWith(t, readOnly, func(*testing.T) driver.FS { return driver.ReadOnly(r) })
}

func TestReadOnlyDirFS(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, tree()))
	drivertest.RunWith(t, readOnly, func(*testing.T) driver.FS { return driver.ReadOnly(os.DirFS(dir)) })
}

func TestWithoutWrites(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, tree()))
	drivertest.RunWith(t, readOnly, func(t *testing.T) driver.FS { return driver.WithoutWrites(openDir(t, dir)) })
}

func TestAferoReadOnly(t *testing.T) {
	base := afero.NewMemMapFs()
	for name, data := range drivertest.Tree() {
		require.NoError(t, afero.WriteFile(base, "/"+name, []byte(data), 0o644))
	}
	for _, dir := range []string{"/dir", "/dir/sub"} {
		require.NoError(t, base.Chmod(dir, 0o755))
	}
	drivertest.RunWith(t, readOnly, func(*testing.T) driver.FS {
		return driver.WithoutWrites(driver.Afero(afero.NewReadOnlyFs(base)))
	})
}

func limited(t *testing.T, fsys driver.FS) driver.FS {
	l, err := driver.Limit(t.Context(), fsys, driver.Quota{Bytes: 1 << 30, Files: 5000, FileSize: 1 << 29})
	require.NoError(t, err)
	t.Cleanup(func() {
		bytes, files := l.Used()
		require.NoError(t, l.Measure(context.Background()))
		wantBytes, wantFiles := l.Used()
		assert.Equal(t, []int64{wantBytes, wantFiles}, []int64{bytes, files},
			"what was counted must be what a walk finds")
	})
	return l
}

func TestLimitMem(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS { return limited(t, driver.Mem()) })
}

func TestLimitDir(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) driver.FS { return limited(t, openDir(t, t.TempDir())) })
}

func TestLimitDirInPlace(t *testing.T) {
	drivertest.RunWith(t, drivertest.Options{InPlace: true}, func(t *testing.T) driver.FS {
		d := openDir(t, t.TempDir())
		d.Uploads = driver.InPlace
		return limited(t, d)
	})
}
