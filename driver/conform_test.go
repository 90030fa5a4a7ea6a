package driver_test

import (
	"testing"

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
