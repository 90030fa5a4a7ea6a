package s3

import (
	"context"

	"github.com/sallyport/sallyport/driver"
)

// CheckStore tells what Store would refuse, at the cost of the same requests.
func (f *FS) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	return fail("store", name, f.mayStore(ctx, name, opts))
}
