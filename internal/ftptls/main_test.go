package ftptls

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// TestMain also checks that all pooled buffers have come back.
func TestMain(m *testing.M) {
	testenv.Main(m, func() string {
		if n := buffersOut.Load(); n != 0 {
			return fmt.Sprintf("%d buffers were not returned", n)
		}
		return ""
	})
}
