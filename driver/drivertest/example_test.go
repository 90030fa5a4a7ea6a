package drivertest_test

import (
	"context"
	"fmt"
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

// The second directory can't be made, whatever the FS within would say.
func ExampleFaulty() {
	files := drivertest.Faulty(driver.Mem(),
		drivertest.Fault{Method: "Mkdir", Call: 2, Do: drivertest.Fail(driver.ErrQuota)})
	for _, name := range []string{"a", "b", "c"} {
		fmt.Println(files.Mkdir(context.Background(), name))
	}
	// Output:
	// <nil>
	// driver: storage limit reached
	// <nil>
}
