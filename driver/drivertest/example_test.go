package drivertest_test

import (
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

// The whole test of a driver. In a test file the function is called TestFS.
func ExampleRun() {
	_ = func(t *testing.T) {
		drivertest.Run(t, func(t *testing.T) driver.FS { return driver.Mem() })
	}
}
