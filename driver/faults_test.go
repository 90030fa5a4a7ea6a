package driver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

func TestMountFaults(t *testing.T) {
	drivertest.RunFaults(t, drivertest.Options{Dir: "in/side"}, func(t *testing.T, fsys driver.FS) driver.FS {
		m, err := driver.Mount(map[string]driver.FS{".": driver.Mem(), "in/side": fsys})
		require.NoError(t, err)
		return m
	})
}

func TestNoWriteFaults(t *testing.T) {
	drivertest.RunFaults(t, drivertest.Options{ReadOnly: true}, func(_ *testing.T, fsys driver.FS) driver.FS {
		return driver.WithoutWrites(fsys)
	})
}

func TestLimitFaults(t *testing.T) {
	drivertest.RunFaults(t, drivertest.Options{}, func(t *testing.T, fsys driver.FS) driver.FS { return limited(t, fsys) })
}
