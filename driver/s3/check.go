package s3

import (
	"context"

	"github.com/sallyport/sallyport/driver"
)

// CheckStore returns the error that Store would return, at the cost of the same
// requests.
func (f *FS) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	return fail("store", name, f.mayStore(ctx, name, opts))
}

// WritesInPlace returns false: an object is replaced whole, by Commit.
func (f *FS) WritesInPlace(string, driver.StoreOptions) bool { return false }
