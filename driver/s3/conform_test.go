package s3

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/driver/s3/internal/s3test"
)

// The contract holds for a whole bucket, for a part of one, and when every upload
// has many parts.
func TestContract(t *testing.T) {
	s := s3test.Start(t)
	// Wait longer than for a directory, because each request passes HTTP, a store
	// and its disk, and the machine may be busy.
	opts := drivertest.Options{NoOffset: true, Patience: 3 * time.Minute}
	for name, prefix := range map[string]string{"bucket": "", "prefix": "vendors/acme"} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			drivertest.RunWith(t, opts, func(t *testing.T) driver.FS {
				bucket := fmt.Sprintf("%s-%d", name, n.Add(1))
				s.Bucket(t, bucket)
				f := &FS{Client: s.Client, Bucket: bucket, Prefix: prefix}
				require.NoError(t, f.Check(t.Context()))
				return f
			})
		})
	}
}
